import { ALL_PORTS, NO_PORTS, type PortSet, portsOf, unionPorts } from "../../sets/ports.ts";
import { Bits } from "./bits.ts";
import {
  type Cluster,
  type ContainerPort,
  type NetworkPolicy,
  type Rule,
  type RulePort,
  selects,
} from "./cluster.ts";
import type { Endpoint } from "./endpoints.ts";
import { Peers } from "./peers.ts";
import { NOTHING, type PortId, type PortTable } from "./port-table.ts";

type Direction = "ingress" | "egress";
type RulePorts = readonly RulePort[] | undefined;

/** For each endpoint at the other side, by its index, what the policies of this side let through. */
export type Row = Uint32Array;

/**
 * What policies allow, one direction at a time. A pod that no policy of a direction selects is not isolated in it, and
 * has no row: everything is allowed. One that is selected may do what any of those policies allows, and no more.
 */
export class Matrix {
  readonly #endpoints: readonly Endpoint[];
  readonly #table: PortTable;
  readonly #peers: Peers;
  readonly #rows = new Map<string, Row>();
  /** For each list of ports as text, what it comes to by the port names of the destination. */
  readonly #ports = new Map<string, Map<string, PortId>>();
  readonly #texts = new Map<Rule, string>();
  readonly #numbers: ReadonlyMap<NetworkPolicy, number>;
  readonly #policiesOf: ReadonlyMap<string, readonly NetworkPolicy[]>;

  constructor(cluster: Cluster, endpoints: readonly Endpoint[], table: PortTable) {
    this.#endpoints = endpoints;
    this.#table = table;
    this.#peers = new Peers(cluster, endpoints);
    this.#numbers = new Map(cluster.policies.map((policy, i) => [policy, i]));
    this.#policiesOf = Map.groupBy(cluster.policies, (policy) => policy.namespace);
  }

  /** What may connect to this endpoint, by source; `undefined` when it is not isolated. */
  ingress(to: Endpoint): Row | undefined {
    return this.#row("ingress", to, () => to);
  }

  /** What this endpoint may connect to, by destination; `undefined` when it is not isolated. */
  egress(from: Endpoint): Row | undefined {
    return this.#row("egress", from, (other) => other);
  }

  /** `destination` tells which end is connected to: that is whose port names count. */
  #row(direction: Direction, of: Endpoint, destination: (other: Endpoint) => Endpoint): Row | undefined {
    const policies = this.#selecting(of, direction);
    if (policies.length === 0) return undefined;
    // Pods that the same policies select share a row; on ingress, if their ports have the same names too.
    const numbers = policies.map((policy) => this.#numbers.get(policy)).join();
    const key = `${direction} ${numbers} ${direction === "ingress" ? portNames(of) : ""}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row = new Uint32Array(this.#endpoints.length);
    for (const { ports, peers } of this.#byPorts(direction, policies)) {
      const allowed = this.#allowed(ports);
      peers.each((index) => {
        const other = this.#endpoints[index];
        if (other !== undefined)
          row[index] = this.#table.union(row[index] ?? NOTHING, allowed(destination(other)));
      });
    }
    this.#rows.set(key, row);
    return row;
  }

  /** The rules of these policies, those with equal ports as one: there are many rules, and few lists of ports. */
  #byPorts(
    direction: Direction,
    policies: readonly NetworkPolicy[],
  ): Iterable<{ ports: RulePorts; peers: Bits }> {
    const groups = new Map<string, { ports: RulePorts; peers: Bits }>();
    for (const policy of policies) {
      for (const rule of policy[direction] ?? []) {
        const key = this.#texts.get(rule) ?? JSON.stringify(rule.ports ?? null);
        this.#texts.set(rule, key);
        const group = groups.get(key) ?? { ports: rule.ports, peers: new Bits(this.#endpoints.length) };
        groups.set(key, group);
        group.peers.addAll(this.#peers.of(policy.namespace, rule));
      }
    }
    return groups.values();
  }

  /** The ports of a rule, for each destination: a port name means the number that the destination has under it. */
  #allowed(ports: RulePorts): (to: Endpoint) => PortId {
    if (!ports?.some(({ type }) => type === "name")) {
      const fixed = this.#table.add(portSet(ports, []));
      return () => fixed;
    }
    const text = JSON.stringify(ports);
    const byNames = this.#ports.get(text) ?? new Map<string, PortId>();
    this.#ports.set(text, byNames);
    return (to) => {
      const known = byNames.get(portNames(to));
      if (known !== undefined) return known;
      const id = this.#table.add(portSet(ports, to.type === "pod" ? to.pod.ports : []));
      byNames.set(portNames(to), id);
      return id;
    };
  }

  #selecting(endpoint: Endpoint, direction: Direction): readonly NetworkPolicy[] {
    if (endpoint.type === "external") return [];
    const { namespace, labels } = endpoint.pod;
    const there = this.#policiesOf.get(namespace) ?? [];
    return there.filter((policy) => policy[direction] !== undefined && selects(policy.selector, labels));
  }
}

/** The ports of a rule towards a pod with these container ports; a name that the pod does not have means no port. */
function portSet(ports: RulePorts, containerPorts: readonly ContainerPort[]): PortSet {
  if (ports === undefined) return ALL_PORTS;
  return ports
    .flatMap((port) => {
      if (port.type === "range") return [portsOf(port.protocol, port.low, port.high)];
      return containerPorts
        .filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
        .map((container) => portsOf(container.protocol, container.port));
    })
    .reduce(unionPorts, NO_PORTS);
}

/** The same text for endpoints on which every port name means the same. An address outside has no names. */
function portNames(endpoint: Endpoint): string {
  return endpoint.type === "pod" ? endpoint.portNames : "";
}
