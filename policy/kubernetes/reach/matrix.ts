import { everyPortOf, NO_PORTS, type PortSet, portsOf, unionPorts } from "../../sets/ports.ts";
import { contains } from "../../sets/ranges.ts";
import type { Cluster, ContainerPort, NetworkPolicy, Peer, Rule } from "./cluster.ts";
import { selects } from "./cluster.ts";
import type { Endpoint } from "./endpoints.ts";
import { ANYTHING, NOTHING, type PortId, type PortTable } from "./port-table.ts";

/** For each endpoint at the other side, by its index, what the policies of this side let through. */
export type Row = Uint32Array;

/**
 * What policies allow, one direction at a time. A pod that no policy of a direction selects is not isolated in it, and
 * has no row: everything is allowed. One that is selected may do what any of those policies allows, and no more.
 */
export class Matrix {
  readonly #cluster: Cluster;
  readonly #endpoints: readonly Endpoint[];
  readonly #table: PortTable;
  readonly #peers = new Map<string, readonly Endpoint[]>();
  readonly #rows = new Map<string, Row>();
  readonly #policyKeys: ReadonlyMap<NetworkPolicy, number>;
  readonly #policiesOf: ReadonlyMap<string, readonly NetworkPolicy[]>;

  constructor(cluster: Cluster, endpoints: readonly Endpoint[], table: PortTable) {
    this.#cluster = cluster;
    this.#endpoints = endpoints;
    this.#table = table;
    this.#policyKeys = new Map(cluster.policies.map((policy, i) => [policy, i]));
    this.#policiesOf = Map.groupBy(cluster.policies, (policy) => policy.namespace);
  }

  /** What may connect to this endpoint, by source; `undefined` when it is not isolated. */
  ingress(to: Endpoint): Row | undefined {
    const policies = this.#selecting(to, "ingress");
    if (policies.length === 0 || to.type === "external") return undefined;
    return this.#row("ingress", policies, containerPortsKey(to.pod.ports), (rule) => {
      const ports = this.#table.add(rulePorts(rule, to.pod.ports));
      return () => ports;
    });
  }

  /** What this endpoint may connect to, by destination; `undefined` when it is not isolated. */
  egress(from: Endpoint): Row | undefined {
    const policies = this.#selecting(from, "egress");
    if (policies.length === 0) return undefined;
    return this.#row("egress", policies, "", (rule) => {
      const numbered = this.#table.add(rulePorts(rule, []));
      if (!rule.ports?.some((port) => port.type === "name")) return () => numbered;
      // A name means the port that the destination has under it; an address outside has none.
      return (to) => (to.type === "pod" ? this.#table.add(rulePorts(rule, to.pod.ports)) : numbered);
    });
  }

  /** Pods that the same policies select share a row; on ingress, if their ports have the same names too. */
  #row(
    direction: "ingress" | "egress",
    policies: readonly NetworkPolicy[],
    ports: string,
    portsFor: (rule: Rule) => (other: Endpoint) => PortId,
  ): Row {
    const rules = policies.flatMap((policy) => (policy[direction] ?? []).map((rule) => ({ policy, rule })));
    const named = rules.some(({ rule }) => rule.ports?.some((port) => port.type === "name"));
    const key = `${direction} ${policies.map((policy) => this.#policyKeys.get(policy))} ${named ? ports : ""}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row = new Uint32Array(this.#endpoints.length);
    for (const { policy, rule } of rules) {
      const allowed = portsFor(rule);
      for (const other of this.#peersOf(policy, rule)) {
        const before = row[other.index] ?? NOTHING;
        if (before !== ANYTHING) row[other.index] = this.#table.union(before, allowed(other));
      }
    }
    this.#rows.set(key, row);
    return row;
  }

  #selecting(endpoint: Endpoint, direction: "ingress" | "egress"): readonly NetworkPolicy[] {
    if (endpoint.type === "external") return [];
    const { namespace, labels } = endpoint.pod;
    const there = this.#policiesOf.get(namespace) ?? [];
    return there.filter((policy) => policy[direction] !== undefined && selects(policy.selector, labels));
  }

  #peersOf(policy: NetworkPolicy, rule: Rule): readonly Endpoint[] {
    if (rule.peers === undefined) return this.#endpoints;
    const found = new Set(rule.peers.flatMap((peer) => this.#matching(policy.namespace, peer)));
    return [...found];
  }

  /** Policies tend to repeat their peers, so each different one is looked up once. */
  #matching(namespace: string, peer: Peer): readonly Endpoint[] {
    if (peer.type === "block") return this.#endpoints.filter((endpoint) => isInBlock(endpoint, peer));
    const key = JSON.stringify([peer.namespaces ?? namespace, peer.pods]);
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    const found = this.#endpoints.filter((endpoint) => this.#isSelected(endpoint, namespace, peer));
    this.#peers.set(key, found);
    return found;
  }

  #isSelected(endpoint: Endpoint, namespace: string, peer: Extract<Peer, { type: "pods" }>): boolean {
    if (endpoint.type === "external") return false;
    const { pod } = endpoint;
    const inNamespace =
      peer.namespaces === undefined
        ? pod.namespace === namespace
        : selects(peer.namespaces, this.#cluster.namespaces.get(pod.namespace) ?? {});
    return inNamespace && selects(peer.pods, pod.labels);
  }
}

/** A range is never cut by a block, so its first address tells for all of it. */
function isInBlock(endpoint: Endpoint, { addresses }: Extract<Peer, { type: "block" }>): boolean {
  if (endpoint.type === "pod") return false;
  const { low } = endpoint.range;
  return typeof low === "number" ? contains(addresses.ipv4, low) : contains(addresses.ipv6, low);
}

/** The ports of a rule towards a pod with these container ports; a name that the pod does not have means no port. */
function rulePorts(rule: Rule, containerPorts: readonly ContainerPort[]): PortSet {
  if (rule.ports === undefined) {
    return unionPorts(unionPorts(everyPortOf("SCTP"), everyPortOf("TCP")), everyPortOf("UDP"));
  }
  return rule.ports
    .flatMap((port) => {
      if (port.type === "range") return [portsOf(port.protocol, port.low, port.high)];
      return containerPorts
        .filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
        .map((container) => portsOf(container.protocol, container.port));
    })
    .reduce(unionPorts, NO_PORTS);
}

function containerPortsKey(ports: readonly ContainerPort[]): string {
  return JSON.stringify(ports.filter(({ name }) => name !== undefined));
}
