import type { z } from "zod";
import type { Finding } from "../../finding.ts";
import type { Labels, Pod } from "../../kubernetes/reach/index.ts";
import type { PortProtocol } from "../consistency/protocol.ts";
import type { World as MeshWorld, Path } from "../consistency/world.ts";
import type { EnvoyMatch, L4Match, RouteDestinations, sidecarSchema, WrittenDestination } from "./schema.ts";

/** An object and where it is written. */
export interface Written {
  /** `VirtualService shop/db`. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  /** Epoch milliseconds; an object that is not created yet is the youngest. */
  readonly created: number;
  readonly path: Path;
}

/** `none` is a protocol that is not carried over TCP. */
export type WireProtocol = PortProtocol | "none";

export interface RegistryPort {
  readonly number: number;
  readonly name: string;
  readonly protocol: WireProtocol;
  /** The port of a pod or endpoint, or the name of one. */
  readonly target: number | string;
}

/** Somewhere outside of the pods that objects name: an address or DNS name of a ServiceEntry, or a WorkloadEntry. */
export interface NamedEndpoint {
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Labels;
  readonly serviceAccount: string | undefined;
}

/**
 * One row of Istio's service registry: a Kubernetes Service, or one host of a ServiceEntry at one address (a ServiceEntry
 * with two hosts and two addresses is four).
 */
export interface Registered extends Written {
  readonly kind: "kubernetes" | "entry";
  readonly host: string;
  /** An IP, a CIDR, {@link UNSPECIFIED}, or {@link virtualAddress} where a cluster chooses it. */
  readonly address: string;
  readonly moreAddresses: readonly string[];
  /** What to dial; `passthrough` dials what the client dialled. */
  readonly resolution: "static" | "dns" | "dynamic" | "passthrough" | "alias";
  /** The host that an ExternalName stands for. */
  readonly aliasOf: string | undefined;
  readonly external: boolean;
  readonly exportTo: readonly string[];
  readonly ports: readonly RegistryPort[];
  /** With `passthrough`: the port that is dialled instead of the client's. */
  readonly overrides: ReadonlyMap<number, number>;
  readonly labels: Labels;
  readonly selector: Labels | undefined;
  readonly endpoints: readonly NamedEndpoint[];
}

/** Stands where no address is known: a listener for it takes the port at every address. */
export const UNSPECIFIED = "0.0.0.0";

/** The address that a cluster gives a Service, where manifests do not tell it. */
export function virtualAddress(host: string): string {
  return `address of ${host}`;
}

export interface TcpRoute {
  readonly match: readonly (L4Match & { readonly sniHosts?: readonly string[] | null | undefined })[];
  readonly route: NonNullable<RouteDestinations>;
}

export interface VirtualService extends Written {
  /** Fully qualified. */
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name`. */
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  readonly tcp: readonly TcpRoute[];
  readonly tls: readonly TcpRoute[];
  readonly http: readonly {
    readonly namespaces: readonly string[];
    readonly route: NonNullable<RouteDestinations>;
  }[];
}

export type SidecarSpec = NonNullable<z.infer<typeof sidecarSchema>["spec"]>;
export type EgressListener = NonNullable<SidecarSpec["egress"]>[number];

export interface Sidecar extends Written {
  readonly selector: Labels | undefined;
  readonly spec: SidecarSpec;
}

export interface GatewayServer {
  readonly number: number;
  readonly protocol: WireProtocol;
  readonly bind: string;
  /** `namespace/host` or a host. */
  readonly hosts: readonly string[];
  /** Undefined for a server without TLS. */
  readonly tls: string | undefined;
  readonly index: number;
}

export interface Gateway extends Written {
  readonly selector: Labels | undefined;
  readonly servers: readonly GatewayServer[];
}

export interface EnvoyFilter extends Written {
  readonly selector: Labels | undefined;
  readonly targets: boolean;
  readonly patches: readonly {
    readonly applyTo: string;
    readonly match: EnvoyMatch;
    readonly index: number;
  }[];
}

export interface WorkloadEntry extends Written {
  readonly labels: Labels;
  readonly endpoint: NamedEndpoint;
}

/** The endpoints of a Service as Kubernetes has worked them out. */
export interface Slice {
  readonly namespace: string;
  readonly service: string;
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

export interface MeshSettings {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** `meshConfig.outboundTrafficPolicy.mode`. */
  readonly outbound: "ALLOW_ANY" | "REGISTRY_ONLY";
  /** Whether clients resolve names with Istio's DNS proxy (`ISTIO_META_DNS_CAPTURE`). */
  readonly dnsCapture: boolean;
  readonly clusterDomain: string;
}

/** Objects as far as they decide where a TCP connection goes and what becomes of it. */
export interface RoutingWorld {
  readonly mesh: MeshWorld;
  /** What could not be read, or is there twice. With an `error` the world must not be asked. */
  readonly findings: readonly Finding[];
  readonly settings: MeshSettings;
  /** By creation, then name, then namespace, as istiod sorts them. */
  readonly services: readonly Registered[];
  readonly virtualServices: readonly VirtualService[];
  readonly sidecars: readonly Sidecar[];
  readonly gateways: readonly Gateway[];
  readonly envoyFilters: readonly EnvoyFilter[];
  readonly workloadEntries: readonly WorkloadEntry[];
  readonly slices: readonly Slice[];
  readonly podAddresses: ReadonlyMap<string, Pod>;
  readonly addressOf: ReadonlyMap<Pod, string>;
  /** Namespaces and Services that ask for a waypoint, as `namespace` or `namespace/service`. */
  readonly waypoints: ReadonlyMap<string, string>;
}

export type { Labels, Path, Pod, WrittenDestination };
