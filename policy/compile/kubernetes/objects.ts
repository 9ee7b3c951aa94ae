/**
 * The Kubernetes kinds that are emitted, hand-written for the fields in use: a field that is not here is not emitted, and
 * a misspelt one does not compile.
 */
import type { KubeObject } from "../target.ts";

export type Labels = Readonly<Record<string, string>>;

export interface ServiceAccount extends KubeObject {
  readonly apiVersion: "v1";
  readonly kind: "ServiceAccount";
  readonly automountServiceAccountToken?: boolean;
}

export interface LabelSelector {
  readonly matchLabels?: Labels;
}

/** One side of a NetworkPolicy rule: pods, all pods of namespaces, or addresses outside of the cluster. */
export type NetworkPolicyPeer =
  | { readonly namespaceSelector: LabelSelector; readonly podSelector?: LabelSelector }
  | { readonly ipBlock: { readonly cidr: string; readonly except?: readonly string[] } };

export interface NetworkPolicyPort {
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

export interface NetworkPolicy extends KubeObject {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "NetworkPolicy";
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly policyTypes: readonly ("Ingress" | "Egress")[];
    readonly ingress?: readonly NetworkPolicyIngress[];
    readonly egress?: readonly NetworkPolicyEgress[];
  };
}

export interface NetworkPolicyIngress {
  /** @default anyone */
  readonly from?: readonly NetworkPolicyPeer[];
  /** @default every port */
  readonly ports?: readonly NetworkPolicyPort[];
}

export interface NetworkPolicyEgress {
  /** @default anywhere */
  readonly to?: readonly NetworkPolicyPeer[];
  /** @default every port */
  readonly ports?: readonly NetworkPolicyPort[];
}

export interface Service extends KubeObject {
  readonly apiVersion: "v1";
  readonly kind: "Service";
  readonly spec: {
    readonly type: "ClusterIP";
    /** Without an address of its own: DNS lists its pods. */
    readonly clusterIP?: "None";
    readonly selector: Labels;
    readonly ports: readonly {
      readonly name: string;
      readonly protocol: "TCP";
      readonly port: number;
      readonly targetPort: number;
    }[];
  };
}

export interface ConfigMap extends KubeObject {
  readonly apiVersion: "v1";
  readonly kind: "ConfigMap";
  readonly data: Readonly<Record<string, string>>;
}

export interface PodDisruptionBudget extends KubeObject {
  readonly apiVersion: "policy/v1";
  readonly kind: "PodDisruptionBudget";
  readonly spec: { readonly maxUnavailable: number; readonly selector: LabelSelector };
}

export interface HorizontalPodAutoscaler extends KubeObject {
  readonly apiVersion: "autoscaling/v2";
  readonly kind: "HorizontalPodAutoscaler";
  readonly spec: {
    readonly scaleTargetRef: { readonly apiVersion: string; readonly kind: string; readonly name: string };
    readonly minReplicas: number;
    readonly maxReplicas: number;
    readonly metrics: readonly {
      readonly type: "Resource";
      readonly resource: {
        readonly name: "cpu";
        readonly target: { readonly type: "Utilization"; readonly averageUtilization: number };
      };
    }[];
    readonly behavior: {
      readonly scaleDown: {
        readonly stabilizationWindowSeconds: number;
        readonly policies: readonly {
          readonly type: "Pods";
          readonly value: number;
          readonly periodSeconds: number;
        }[];
      };
    };
  };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

interface ResourceList {
  readonly cpu?: string;
  readonly memory?: string;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly protocol: "TCP";
  }[];
  readonly resources: { readonly requests: ResourceList; readonly limits: ResourceList };
  readonly securityContext: {
    readonly allowPrivilegeEscalation: false;
    readonly readOnlyRootFilesystem: true;
    readonly capabilities: { readonly drop: readonly ["ALL"] };
  };
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: true;
  }[];
}

interface KeyToPath {
  readonly key: string;
  readonly path: string;
}

export type VolumeProjection =
  | {
      readonly serviceAccountToken: {
        readonly audience: string;
        readonly expirationSeconds: number;
        readonly path: string;
      };
    }
  | {
      readonly secret: {
        readonly name: string;
        readonly items: readonly KeyToPath[];
        readonly optional: boolean;
      };
    };

export type Volume = { readonly name: string } & (
  | {
      readonly configMap: {
        readonly name: string;
        readonly optional?: boolean;
        readonly items?: readonly KeyToPath[];
      };
    }
  | { readonly projected: { readonly sources: readonly VolumeProjection[] } }
  | { readonly emptyDir: { readonly medium: "Memory"; readonly sizeLimit: string } }
);

export interface Deployment extends KubeObject {
  readonly apiVersion: "apps/v1";
  readonly kind: "Deployment";
  readonly spec: {
    readonly selector: LabelSelector;
    readonly strategy: {
      readonly type: "RollingUpdate";
      readonly rollingUpdate: { readonly maxUnavailable: number; readonly maxSurge: number };
    };
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly automountServiceAccountToken: false;
        readonly enableServiceLinks: false;
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: {
          readonly runAsNonRoot: true;
          readonly runAsUser: number;
          readonly runAsGroup: number;
          readonly fsGroup: number;
          readonly seccompProfile: { readonly type: "RuntimeDefault" };
        };
        readonly topologySpreadConstraints: readonly {
          readonly maxSkew: number;
          readonly topologyKey: string;
          readonly whenUnsatisfiable: "ScheduleAnyway";
          readonly labelSelector: LabelSelector;
        }[];
        readonly affinity: {
          readonly podAntiAffinity: {
            readonly preferredDuringSchedulingIgnoredDuringExecution: readonly {
              readonly weight: number;
              readonly podAffinityTerm: {
                readonly topologyKey: string;
                readonly labelSelector: LabelSelector;
              };
            }[];
          };
        };
        readonly containers: readonly Container[];
        readonly volumes: readonly Volume[];
      };
    };
  };
}

/** Everything that this compiler emits. */
export type KubernetesObject =
  | ServiceAccount
  | NetworkPolicy
  | Service
  | ConfigMap
  | Deployment
  | PodDisruptionBudget
  | HorizontalPodAutoscaler;
