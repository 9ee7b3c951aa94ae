/**
 * The Istio objects that decide whether a TCP connection is allowed, as they are written in YAML: hand-written for the
 * subset that plays a part at L4. Fields that only HTTP has are here too, because their presence changes what a TCP
 * rule does. Source: `istio.io/api` security/v1beta1 and mesh/v1alpha1.
 */

export interface ObjectMeta {
  readonly name: string;
  /** @default "default" */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. Where several PeerAuthentications of one scope compete, the oldest wins. */
  readonly creationTimestamp?: string;
}

export interface WorkloadSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** What a policy for a gateway or waypoint is attached to. A policy that has one selects no ordinary workload. */
export interface PolicyTargetReference {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

export type AuthorizationAction = "ALLOW" | "DENY" | "AUDIT" | "CUSTOM";

export interface Source {
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  readonly trustDomains?: readonly string[];
  readonly notTrustDomains?: readonly string[];
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
}

export interface Operation {
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  readonly ports?: readonly string[];
  readonly notPorts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
}

export interface Condition {
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

export interface Rule {
  readonly from?: readonly { readonly source?: Source }[];
  readonly to?: readonly { readonly operation?: Operation }[];
  readonly when?: readonly Condition[];
}

export interface AuthorizationPolicy {
  readonly apiVersion: string;
  readonly kind: "AuthorizationPolicy";
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly selector?: WorkloadSelector;
    readonly targetRef?: PolicyTargetReference;
    readonly targetRefs?: readonly PolicyTargetReference[];
    /** @default "ALLOW" */
    readonly action?: AuthorizationAction;
    readonly rules?: readonly Rule[];
    /** The extension provider of a CUSTOM policy. */
    readonly provider?: { readonly name?: string };
  };
}

export type MutualTlsMode = "UNSET" | "DISABLE" | "PERMISSIVE" | "STRICT";

export interface MutualTls {
  readonly mode?: MutualTlsMode;
}

export interface PeerAuthentication {
  readonly apiVersion: string;
  readonly kind: "PeerAuthentication";
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly selector?: WorkloadSelector;
    readonly mtls?: MutualTls;
    /** By the workload's port, not the Service's. */
    readonly portLevelMtls?: Readonly<Record<string, MutualTls>>;
  };
}

export type SecurityPolicy = AuthorizationPolicy | PeerAuthentication;

/** One of `meshConfig.extensionProviders`: only external authorizers matter here. */
export interface ExtensionProvider {
  readonly name: string;
  readonly envoyExtAuthzGrpc?: ExternalAuthorizer;
  readonly envoyExtAuthzHttp?: ExternalAuthorizer;
}

export interface ExternalAuthorizer {
  readonly service?: string;
  readonly port?: number;
  readonly failOpen?: boolean;
}
