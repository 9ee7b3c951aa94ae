import type { Finding, Position } from "../../finding.ts";
import type { Cluster, Labels, Pod } from "../../kubernetes/reach/index.ts";
import type { MembershipOptions } from "../../reach/index.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "../objects.ts";
import type { PortProtocol } from "./protocol.ts";
import type { Subset, TrafficPolicy } from "./schema.ts";

/** Where a value is written: the index of the object, then keys and indexes. */
export type Path = readonly (string | number)[];
export type Locate = (path: Path) => Position | undefined;

/** An object and where it is written. */
export interface Source {
  /** `DestinationRule shop/db`. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: Path;
}

export interface DestinationRule extends Source {
  /** Fully qualified. */
  readonly host: string;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly exportTo: readonly string[];
  readonly selector: Labels | undefined;
  /** Epoch milliseconds; an object that is not created yet is the youngest. */
  readonly created: number;
}

export interface MeshPort {
  readonly number: number;
  readonly protocol: PortProtocol;
  /** A number, or the name of a container port. */
  readonly target: number | string;
  readonly path: Path;
}

/** A Kubernetes Service, or one host of a ServiceEntry. */
export interface MeshService extends Source {
  readonly host: string;
  /** Outside of the mesh: no endpoint of it has a proxy of Istio's. */
  readonly external: boolean;
  /** The client's proxy dials the address that the application chose. */
  readonly passthrough: boolean;
  /** The pods behind it; undefined when they are not known by labels. */
  readonly selector: Labels | undefined;
  /** `*`, `.`, `~` and namespaces; empty for everybody. */
  readonly exportTo: readonly string[];
  /** The addresses of a ServiceEntry, as they are written; undefined for a Service, whose address Kubernetes gives. */
  readonly addresses: readonly string[] | undefined;
  readonly ports: readonly MeshPort[];
}

export interface Options {
  /** @default "istio-system" */
  readonly rootNamespace?: string | undefined;
  /** The DNS suffix of Services. @default "cluster.local" */
  readonly clusterDomain?: string | undefined;
  /** Takes every pod that does not opt out as in the mesh. @default by labels */
  readonly dataplane?: MembershipOptions["dataplane"] | undefined;
}

/** Everything about a mesh that is checked for consistency. */
export interface World {
  readonly rules: readonly DestinationRule[];
  readonly services: readonly MeshService[];
  readonly peers: readonly PeerAuthentication[];
  readonly authorizations: readonly AuthorizationPolicy[];
  /** Where a security policy is written, by `Kind namespace/name`. */
  readonly policyPaths: ReadonlyMap<string, Path>;
  readonly cluster: Cluster;
  /** Where a workload is written, by `namespace/name` of the pod's topmost owner. */
  readonly podPaths: ReadonlyMap<string, Path>;
  /** Labels that select pods of gateways, by namespace-less selector of Gateway objects. */
  readonly gatewaySelectors: readonly Labels[];
  /** `host|subset` of every subset that a route leads to. */
  readonly routedSubsets: ReadonlySet<string>;
  /** `host|port` of every port that an HTTP route leads to: its client speaks plaintext, whatever the port is named. */
  readonly httpRoutedPorts: ReadonlySet<string>;
  readonly rootNamespace: string;
  readonly dataplane: MembershipOptions["dataplane"];
  readonly locate: Locate;
  /** What could not be read. */
  readonly findings: readonly Finding[];
}

/** True for labels that a pod or endpoint has all of. */
export function hasLabels(wanted: Labels, labels: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** The pods behind a service, those of gateways left out: listeners of their own decide there. */
export function podsBehind(world: World, service: MeshService): readonly Pod[] {
  const { selector } = service;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  return world.cluster.pods.filter(
    (pod) =>
      pod.namespace === service.namespace && hasLabels(selector, pod.labels) && !isGateway(world, pod.labels),
  );
}

export function isGateway(world: World, labels: Labels): boolean {
  return (
    labels["gateway.networking.k8s.io/gateway-name"] !== undefined ||
    labels["gateway.istio.io/managed"] !== undefined ||
    /gateway$/.test(labels["istio"] ?? "") ||
    world.gatewaySelectors.some((selector) => hasLabels(selector, labels))
  );
}

/** The pod's port behind a port of a service; undefined when the pod has no port of that name. */
export function targetPort(port: MeshPort, pod: Pod): number | undefined {
  if (typeof port.target === "number") return port.target;
  return pod.ports.find(({ name, protocol }) => name === port.target && protocol === "TCP")?.port;
}

/** `PeerAuthentication shop/strict (mesh.yaml:3:1)`. */
export function named(world: World, id: string, path: Path | undefined): string {
  const at = path && world.locate(path);
  return at === undefined ? id : `${id} (${at.file}:${at.line}:${at.col})`;
}

export function namedPolicy(world: World, kind: "PeerAuthentication" | "AuthorizationPolicy", name: string) {
  const id = `${kind} ${name}`;
  return named(world, id, world.policyPaths.get(id));
}
