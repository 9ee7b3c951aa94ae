import { compareText } from "../finding.ts";
import type { DataPlane } from "../istio/authorization/index.ts";
import type { SecurityPolicy } from "../istio/objects.ts";
import {
  type Cluster,
  type Endpoint,
  type Entity,
  type Pod,
  Reachability,
} from "../kubernetes/reach/index.ts";
import {
  ALL_PORTS,
  hasPort,
  intersectPorts,
  isAllPorts,
  isNoPorts,
  type PortSet,
  unionPorts,
} from "../sets/ports.ts";
import type { Range } from "../sets/ranges.ts";
import { sourceBlocks } from "./cuts.ts";
import { type Caller, IstioLayer } from "./istio-layer.ts";
import { mergeOutside } from "./merge.ts";
import { EVERY_TCP_PORT, type Membership, membership } from "./mesh.ts";

/** What lets connections through or not: the network by NetworkPolicies, or the mesh by AuthorizationPolicies and mutual TLS. */
export type Layer = "NetworkPolicy" | "Istio";

/** That a source can open connections to some ports of a destination, through every layer. */
export interface Access {
  /** `namespace/name` of a workload, or `external:LOW-HIGH`. */
  readonly src: string;
  /** `namespace/name` of a workload, or `external:LOW-HIGH`. */
  readonly dst: string;
  /** Never empty. */
  readonly ports: PortSet;
  /** The layers that, each on its own, let less than everything through between the two. */
  readonly restrictedBy: readonly Layer[];
  /** True when Istio's answer depends on which address a pod gets: then `ports` is what the best address gets. */
  readonly dependsOnAddress: boolean;
}

/** What {@link reachAll} is asked about. */
export interface ReachInput {
  /** Pods, namespaces and NetworkPolicies, as `readCluster` reads them. */
  readonly cluster: Cluster;
  /** AuthorizationPolicy and PeerAuthentication objects. */
  readonly policies: readonly SecurityPolicy[];
  /**
   * Takes every pod that does not opt out as in the mesh, with this data plane.
   * @default by the labels of pods and namespaces
   */
  readonly dataplane?: DataPlane;
  /** `meshConfig.trustDomain`. @default "cluster.local" */
  readonly trustDomain?: string;
  /** `meshConfig.rootNamespace`. @default "istio-system" */
  readonly rootNamespace?: string;
}

/** The answer to {@link reachAll}. */
export interface Reach {
  /** Sorted by source and destination, workloads before the outside world. */
  readonly access: readonly Access[];
  /**
   * Workloads to which NetworkPolicy lets some TCP through from other workloads in ambient mode, but not port 15008,
   * on which ambient mode carries it: nothing arrives. Sorted.
   */
  readonly tunnelBlocked: readonly string[];
}

/** What each layer lets through between two pods, and all of them together. */
export interface Layers {
  readonly network: PortSet;
  readonly istio: PortSet;
  readonly through: PortSet;
  readonly dependsOnAddress: boolean;
}

/** Every layer of a cluster, made ready to be asked about single pods. */
export interface LayeredReach {
  readonly reachability: Reachability;
  between(from: Endpoint, to: Endpoint): Layers;
  /** The workloads met so far of which {@link Reach.tunnelBlocked} is true. */
  readonly tunnelBlocked: ReadonlySet<string>;
}

/** The port at which ztunnel takes tunnelled connections for its pods. */
const HBONE = 15008;

/**
 * Who can reach what over NetworkPolicy and Istio's security policies together.
 *
 * A pair of workloads that are both in the mesh is judged with the source's identity (mTLS); from a workload outside of
 * it, or from outside of the cluster, as plaintext. Only TCP goes through the mesh. Between two workloads in ambient
 * mode a NetworkPolicy sees port 15008 instead of the application's port: either it lets that through, and Istio alone
 * decides on the application's ports, or no TCP connection gets through at all.
 *
 * Not taken into account: DestinationRules (a client that turns mTLS off), waypoints, egress gateways, Services (who
 * can reach a port does not depend on a Service's being there), and what an external authorizer answers: it is taken
 * to agree.
 */
export function reachAll(input: ReachInput): Reach {
  const { reachability, between, tunnelBlocked } = layeredReach(input);
  const found: Access[] = [];
  for (const { src, dst } of reachability.pairs()) {
    const access = combine(src, dst, between);
    if (access !== undefined) found.push(access);
  }
  return { access: mergeOutside(found), tunnelBlocked: [...tunnelBlocked].sort(compareText) };
}

/** What {@link reachAll} asks of each two pods, for those who ask about others than whole workloads. */
export function layeredReach(input: ReachInput): LayeredReach {
  const { cluster, policies } = input;
  const trustDomain = input.trustDomain ?? "cluster.local";
  const layer = new IstioLayer(policies, trustDomain, input.rootNamespace ?? "istio-system");
  const reachability = new Reachability(cluster, { alsoCut: sourceBlocks(policies) });
  const undeclared = policies.length > 0 ? "sidecar" : "none";
  const memberships = new Map<Pod, Membership>(
    cluster.pods.map((pod) => [
      pod,
      membership(pod, cluster, { undeclared, ...(input.dataplane ? { dataplane: input.dataplane } : {}) }),
    ]),
  );
  const planeOf = (endpoint: Endpoint): Membership =>
    endpoint.type === "pod" ? (memberships.get(endpoint.pod) ?? "none") : "none";

  const tunnelBlocked = new Set<string>();
  const callers = new Callers(trustDomain, layer.anyAddress);
  const intersect = memoized(intersectPorts);
  const carried = (from: Endpoint, to: Endpoint): PortSet => {
    const allowed = reachability.allowed(from, to);
    const ports = carry(allowed, planeOf(from), planeOf(to));
    if (to.type === "pod" && allowed.TCP.length > 0 && ports.TCP.length === 0)
      tunnelBlocked.add(to.pod.workload);
    return ports;
  };
  const between = (from: Endpoint, to: Endpoint): Layers => {
    const network = carried(from, to);
    const plane = planeOf(to);
    if (to.type === "external" || plane === "none") {
      return { network, istio: ALL_PORTS, through: network, dependsOnAddress: false };
    }
    const { ports: istio, dependsOnAddress } = layer.admits(to.pod, plane, callers.of(from, planeOf(from)));
    return { network, istio, through: intersect(network, istio), dependsOnAddress };
  };

  return { reachability, between, tunnelBlocked };
}

function combine(
  src: Entity,
  dst: Entity,
  between: (from: Endpoint, to: Endpoint) => Layers,
): Access | undefined {
  const all = src.endpoints.flatMap((from) => dst.endpoints.map((to) => between(from, to))).reduce(join);
  if (isNoPorts(all.through)) return undefined;
  const restrictedBy: Layer[] = [];
  if (!isAllPorts(all.network)) restrictedBy.push("NetworkPolicy");
  if (!isAllPorts(all.istio) || all.dependsOnAddress) restrictedBy.push("Istio");
  return {
    src: src.name,
    dst: dst.name,
    ports: all.through,
    restrictedBy,
    dependsOnAddress: all.dependsOnAddress,
  };
}

function join(a: Layers, b: Layers): Layers {
  return {
    network: unionPorts(a.network, b.network),
    istio: unionPorts(a.istio, b.istio),
    through: unionPorts(a.through, b.through),
    dependsOnAddress: a.dependsOnAddress || b.dependsOnAddress,
  };
}

/** Most pairs of pods have one of a few pairs of port sets, which are the same objects each time. */
function memoized(combine: (a: PortSet, b: PortSet) => PortSet): (a: PortSet, b: PortSet) => PortSet {
  const known = new Map<PortSet, Map<PortSet, PortSet>>();
  return (a, b) => {
    const withA = known.get(a) ?? new Map<PortSet, PortSet>();
    known.set(a, withA);
    const result = withA.get(b) ?? combine(a, b);
    withA.set(b, result);
    return result;
  };
}

/** What the network lets through between two workloads, given how the mesh carries their connections. */
function carry(byNetwork: PortSet, from: Membership, to: Membership): PortSet {
  if (from === "none" || to === "none" || (from === "sidecar" && to === "sidecar")) return byNetwork;
  const tunnelled = { ...byNetwork, TCP: hasPort(byNetwork, "TCP", HBONE) ? EVERY_TCP_PORT : [] };
  if (from === "ztunnel" && to === "ztunnel") return tunnelled;
  // A sidecar and ztunnel speak HBONE or mTLS on the application's port, depending on the mesh's configuration.
  return unionPorts(byNetwork, tunnelled);
}

/** Who an endpoint is to a proxy: one object for all pods of a service account, and for each range outside. */
class Callers {
  readonly #trustDomain: string;
  readonly #anyAddress: readonly Range<number>[];
  readonly #known = new Map<string, Caller>();
  readonly #ofEndpoint = new Map<Endpoint, Caller>();

  constructor(trustDomain: string, anyAddress: readonly Range<number>[]) {
    this.#trustDomain = trustDomain;
    this.#anyAddress = anyAddress;
  }

  of(from: Endpoint, plane: Membership): Caller {
    const own = this.#ofEndpoint.get(from);
    if (own !== undefined) return own;
    const made = this.#make(from, plane);
    const key = from.type === "pod" ? `${made.principal}` : `external ${from.index}`;
    const caller = this.#known.get(key) ?? made;
    this.#known.set(key, caller);
    this.#ofEndpoint.set(from, caller);
    return caller;
  }

  #make(from: Endpoint, plane: Membership): Caller {
    if (from.type === "external") {
      const { low, high } = from.range;
      const addresses = typeof low === "number" && typeof high === "number" ? [{ low, high }] : [];
      return { principal: null, addresses };
    }
    const { namespace, serviceAccount } = from.pod;
    const principal = plane === "none" ? null : `${this.#trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
    return { principal, addresses: this.#anyAddress };
  }
}
