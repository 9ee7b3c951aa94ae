import { compareText } from "../../finding.ts";
import { canonicalJson } from "../../model/canonical.ts";
import type { Cluster, Model, Workload } from "../../model/types.ts";
import { type Admitted, mayBePods } from "../../plan/admitted.ts";
import { PROXY_APP, PROXY_APP_LABEL } from "../../plan/proxy-shard.ts";
import { toCidrs } from "../../sets/addresses.ts";
import type { Labels, NetworkPolicyPeer, NetworkPolicyPort } from "./objects.ts";

/** Every namespace has it since Kubernetes 1.22, and nobody but the API server can set it. */
const NAMESPACE_LABEL = "kubernetes.io/metadata.name";

/** Pods of one namespace; without labels, all of them. */
export function pods(namespace: string, labels?: Labels): NetworkPolicyPeer {
  const namespaceSelector = { matchLabels: { [NAMESPACE_LABEL]: namespace } };
  return labels ? { namespaceSelector, podSelector: { matchLabels: labels } } : { namespaceSelector };
}

/** One address block. */
export function block(cidr: string, except?: readonly string[]): NetworkPolicyPeer {
  return { ipBlock: { cidr, ...(except && { except }) } };
}

/**
 * Everything outside of the cluster but link-local addresses: those are the node's own services, the instance metadata
 * among them, and no destination of a policy.
 */
export const OUTSIDE: readonly NetworkPolicyPeer[] = [
  block("0.0.0.0/0", ["169.254.0.0/16"]),
  block("::/0", ["fe80::/10", "fd00:ec2::254/128"]),
];

/**
 * All pods of the cluster. An ipBlock is meant for addresses outside, and some network plugins (Cilium) never match a pod
 * by one: with the block alone, a pod whose address the verdict allows would be kept out.
 */
const ANY_POD: NetworkPolicyPeer = { namespaceSelector: {} };

export const tcp = (port: number): NetworkPolicyPort => ({ protocol: "TCP", port });

/** The pods that the proxy runs as; of one shard, if that is known. */
export function proxyPods(
  model: Model,
  labels: Labels = { [PROXY_APP_LABEL]: PROXY_APP },
): NetworkPolicyPeer {
  return pods(model.trust.spec.proxy.namespace, labels);
}

/** Finds the peers that stand for identities. */
export class PeerBook {
  readonly #model: Model;
  readonly #cluster: Cluster;
  readonly #byIdentity: ReadonlyMap<string, readonly Workload[]>;

  constructor(model: Model, cluster: Cluster) {
    const byIdentity = new Map<string, Workload[]>();
    for (const workload of model.workloads.values()) {
      byIdentity.set(workload.spiffeId, [...(byIdentity.get(workload.spiffeId) ?? []), workload]);
    }
    this.#model = model;
    this.#cluster = cluster;
    this.#byIdentity = byIdentity;
  }

  /** The workloads that run under an identity, in whichever cluster. */
  workloads(spiffeId: string): readonly Workload[] {
    return this.#byIdentity.get(spiffeId) ?? [];
  }

  /** Who may connect, as peers. `proxyLabels` select the proxy where its identity is among them. */
  of(admitted: Admitted, proxyLabels: Labels): NetworkPolicyPeer[] {
    const peers: NetworkPolicyPeer[] = [...admitted.namespaces].map((namespace) => pods(namespace));
    for (const agent of admitted.agents) {
      for (const id of this.#model.agents.get(agent)?.decision.workloads ?? [])
        peers.push(...this.#identity(id));
    }
    for (const id of admitted.workloads) {
      if (id === this.#model.proxySpiffeId) peers.push(proxyPods(this.#model, proxyLabels));
      peers.push(...this.#identity(id));
    }
    peers.push(...toCidrs(admitted.addresses).map((cidr) => block(cidr)));
    if (mayBePods(admitted.addresses)) peers.push(ANY_POD);
    return unique(peers);
  }

  #identity(spiffeId: string): NetworkPolicyPeer[] {
    const { spec } = this.#model.trust;
    return this.workloads(spiffeId).flatMap((workload) => {
      const peers = workload.clusters.includes(this.#cluster.name)
        ? [pods(workload.namespace, workload.spec.selector)]
        : [];
      const others = spec.clusters.filter(({ name }) => workload.clusters.includes(name));
      for (const other of others) {
        switch (reachedFrom(this.#cluster, other)) {
          case "gateway":
            peers.push(pods(spec.rootNamespace, EAST_WEST));
            break;
          case "direct":
            peers.push(...OUTSIDE);
            break;
          case "not":
            break;
        }
      }
      return peers;
    });
  }
}

/** Label of Istio's east-west gateway, through which traffic of another network arrives. */
const EAST_WEST = { istio: "eastwestgateway" };

/**
 * How pods of another cluster arrive here. Clusters on one Istio network see each other's pod addresses, which no selector
 * here can name; between networks everything passes the east-west gateway. A cluster without `network` is on its own.
 */
export function reachedFrom(here: Cluster, there: Cluster): "gateway" | "direct" | "not" {
  if (here.name === there.name || here.network === undefined || there.network === undefined) return "not";
  return here.network === there.network ? "direct" : "gateway";
}

/** Peers by the ports they get, one rule for each distinct list of ports. Sorted, so that a preview shows real changes only. */
export function groupByPorts(
  entries: readonly { readonly peer: NetworkPolicyPeer; readonly ports: readonly number[] }[],
): { peers: NetworkPolicyPeer[]; ports: NetworkPolicyPort[] }[] {
  const portsOf = new Map<string, { peer: NetworkPolicyPeer; ports: Set<number> }>();
  for (const { peer, ports } of entries) {
    const key = canonicalJson(peer);
    const entry = portsOf.get(key) ?? { peer, ports: new Set() };
    for (const port of ports) entry.ports.add(port);
    portsOf.set(key, entry);
  }
  const groups = new Map<string, { peers: NetworkPolicyPeer[]; ports: number[] }>();
  for (const [, { peer, ports }] of [...portsOf].sort(([a], [b]) => compareText(a, b))) {
    const sorted = [...ports].sort((a, b) => a - b);
    const group = groups.get(sorted.join()) ?? { peers: [], ports: sorted };
    group.peers.push(peer);
    groups.set(sorted.join(), group);
  }
  return [...groups.values()]
    .sort((a, b) => compareText(a.ports.map(pad).join(), b.ports.map(pad).join()))
    .map(({ peers, ports }) => ({ peers, ports: ports.map(tcp) }));
}

const pad = (port: number): string => String(port).padStart(5, "0");

function unique(peers: readonly NetworkPolicyPeer[]): NetworkPolicyPeer[] {
  return [...new Map(peers.map((peer) => [canonicalJson(peer), peer])).values()];
}
