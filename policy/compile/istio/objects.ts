import type { Rule as AuthorizationRule, MutualTls, WorkloadSelector } from "../../istio/objects.ts";
import type { KubeObject } from "../target.ts";

/**
 * The part of Istio's API that Portreeve emits: TCP only. Written by hand, because typings generated from the CRDs are
 * large and accept what Istio refuses. Source: `istio.io/api` 1.31.
 */

interface Emitted<Kind extends string, Spec> extends KubeObject {
  readonly kind: Kind;
  readonly metadata: KubeObject["metadata"] & { readonly namespace: string };
  readonly spec: Spec;
}

export interface ServiceEntryPort {
  readonly number: number;
  readonly name: string;
  readonly protocol: "TCP" | "TLS";
  readonly targetPort?: number;
}

export type ServiceEntry = Emitted<
  "ServiceEntry",
  {
    readonly hosts: readonly [string];
    readonly addresses?: readonly string[];
    readonly ports: readonly ServiceEntryPort[];
    readonly location: "MESH_EXTERNAL" | "MESH_INTERNAL";
    readonly resolution: "DNS" | "STATIC" | "NONE";
    readonly endpoints?: readonly { readonly address: string }[];
    readonly workloadSelector?: { readonly labels: Readonly<Record<string, string>> };
    readonly exportTo: readonly string[];
  }
>;

export interface ConnectionPool {
  readonly tcp: {
    readonly maxConnections?: number;
    readonly connectTimeout?: string;
    readonly idleTimeout?: string;
    readonly maxConnectionDuration?: string;
    readonly tcpKeepalive?: { readonly time?: string; readonly interval?: string; readonly probes?: number };
  };
}

export interface OutlierDetection {
  readonly consecutive5xxErrors: number;
  readonly interval: string;
  readonly baseEjectionTime: string;
  readonly maxEjectionPercent: number;
}

export interface ClientTls {
  readonly mode: "ISTIO_MUTUAL" | "SIMPLE" | "MUTUAL";
  readonly sni?: string;
  readonly subjectAltNames?: readonly string[];
  readonly caCertificates?: string;
  readonly credentialName?: string;
}

export interface TrafficPolicy {
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTls;
}

export type DestinationRule = Emitted<
  "DestinationRule",
  {
    readonly host: string;
    readonly trafficPolicy?: TrafficPolicy;
    readonly subsets?: readonly { readonly name: string; readonly trafficPolicy?: TrafficPolicy }[];
    readonly exportTo: readonly string[];
  }
>;

export interface TcpRoute {
  readonly match: readonly { readonly port: number; readonly gateways?: readonly string[] }[];
  readonly route: readonly [RouteDestination];
}

export interface TlsRoute {
  readonly match: readonly {
    readonly port: number;
    readonly sniHosts: readonly string[];
    readonly gateways?: readonly string[];
  }[];
  readonly route: readonly [RouteDestination];
}

export interface RouteDestination {
  readonly destination: {
    readonly host: string;
    readonly port: { readonly number: number };
    readonly subset?: string;
  };
}

export type VirtualService = Emitted<
  "VirtualService",
  {
    readonly hosts: readonly string[];
    readonly gateways: readonly string[];
    readonly tcp?: readonly TcpRoute[];
    readonly tls?: readonly TlsRoute[];
    readonly exportTo: readonly string[];
  }
>;

export type Gateway = Emitted<
  "Gateway",
  {
    readonly selector: Readonly<Record<string, string>>;
    readonly servers: readonly {
      readonly port: { readonly number: number; readonly name: string; readonly protocol: "TLS" };
      readonly hosts: readonly string[];
      readonly tls: { readonly mode: "ISTIO_MUTUAL" };
    }[];
  }
>;

/** The Kubernetes Service by which sidecars reach the gateway's port of an external service. */
export type GatewayService = Emitted<
  "Service",
  {
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly {
      readonly name: string;
      readonly port: number;
      readonly targetPort: number;
      readonly protocol: "TCP";
    }[];
  }
>;

export type AuthorizationPolicy = Emitted<
  "AuthorizationPolicy",
  {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly action: "ALLOW" | "DENY";
    readonly rules?: readonly AuthorizationRule[];
  }
>;

export type PeerAuthentication = Emitted<
  "PeerAuthentication",
  {
    readonly selector?: WorkloadSelector;
    readonly mtls: MutualTls;
    readonly portLevelMtls?: Readonly<Record<string, MutualTls>>;
  }
>;

export type Sidecar = Emitted<
  "Sidecar",
  {
    readonly workloadSelector: { readonly labels: Readonly<Record<string, string>> };
    readonly egress: readonly [{ readonly hosts: readonly string[] }];
    readonly outboundTrafficPolicy: { readonly mode: "REGISTRY_ONLY" };
  }
>;

export type Telemetry = Emitted<
  "Telemetry",
  {
    readonly accessLogging: readonly { readonly providers: readonly { readonly name: string }[] }[];
    readonly metrics: readonly { readonly providers: readonly { readonly name: string }[] }[];
  }
>;

/** Every object that the Istio compiler makes. */
export type IstioObject =
  | ServiceEntry
  | DestinationRule
  | VirtualService
  | Gateway
  | GatewayService
  | AuthorizationPolicy
  | PeerAuthentication
  | Sidecar
  | Telemetry;

export type { AuthorizationRule };
