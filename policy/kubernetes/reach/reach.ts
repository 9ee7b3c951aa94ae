import { PolicyError } from "../../finding.ts";
import type { PortSet } from "../../sets/ports.ts";
import type { Cluster } from "./cluster.ts";
import { type Endpoint, type Entity, type ExternalOptions, type Population, populate } from "./endpoints.ts";
import { Matrix, type Row } from "./matrix.ts";
import { ANYTHING, NOTHING, type PortId, PortTable } from "./port-table.ts";
import { readCluster } from "./read.ts";

/** That a source can open connections to some ports of a destination. */
export interface Connection {
  /** `namespace/name` of a workload, or `external:LOW-HIGH`. */
  readonly src: string;
  /** `namespace/name` of a workload, or `external:LOW-HIGH`. */
  readonly dst: string;
  /** Never empty; print it with `formatPorts`. */
  readonly ports: PortSet;
}

/**
 * Who can reach what by NetworkPolicy alone, in a cluster of these Kubernetes objects: Namespaces, workloads, Pods and
 * NetworkPolicies, in any order; others are passed over. The semantics are those of `networking.k8s.io/v1`.
 *
 * A workload is named for the topmost known owner of its pods. Where its pods differ, it can reach, and be reached on,
 * what any of them can. The outside world is `external:LOW-HIGH` for the longest IPv4 ranges that no ipBlock of a policy
 * cuts: as a source those of ingress rules, as a destination those of egress rules. Left out: pairs without a
 * connection, a workload and itself, and two external ranges. Sorted by `src`, then `dst`, by code unit.
 *
 * ```ts
 * for (const { src, dst, ports } of reach(objects)) console.log(`${src} -> ${dst}: ${formatPorts(ports)}`);
 * ```
 *
 * Service, Ingress and Gateway objects are not looked at, as NetworkPolicy acts on pods behind them.
 *
 * @throws PolicyError (PR190, PR191) when an object is one that the API server would refuse, or is there twice.
 * Use {@link readCluster} and {@link connections} to deal with the problems one by one.
 */
export function reach(objects: readonly unknown[], options: ExternalOptions = {}): Connection[] {
  const { cluster, problems } = readCluster(objects);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  return [...connections(cluster, options)];
}

/** As {@link reach}, for objects already read, one connection at a time: a large cluster has millions. */
export function* connections(cluster: Cluster, options: ExternalOptions = {}): Generator<Connection> {
  const reachability = new Reachability(cluster, options);
  for (const { src, dst } of reachability.pairs()) {
    const ports = reachability.between(src, dst);
    if (ports !== undefined) yield { src: src.name, dst: dst.name, ports };
  }
}

/** The same, for those who want to look at single pods, or to add a layer of their own. */
export class Reachability {
  readonly #population: Population;
  readonly #table = new PortTable();
  readonly #ingress: readonly (Row | undefined)[];
  readonly #egress: readonly (Row | undefined)[];

  constructor(cluster: Cluster, options: ExternalOptions = {}) {
    this.#population = populate(cluster, options);
    const { endpoints } = this.#population;
    const matrix = new Matrix(cluster, endpoints, this.#table);
    this.#ingress = endpoints.map((endpoint) => matrix.ingress(endpoint));
    this.#egress = endpoints.map((endpoint) => matrix.egress(endpoint));
  }

  /** Everything that connections can start from, sorted by name. */
  get sources(): readonly Entity[] {
    return this.#population.sources;
  }

  /** Everything that connections can go to, sorted by name. */
  get destinations(): readonly Entity[] {
    return this.#population.destinations;
  }

  /** Every source with every destination that a connection may be between, by name. */
  *pairs(): Generator<{ readonly src: Entity; readonly dst: Entity }> {
    for (const src of this.#population.sources) {
      for (const dst of this.#population.destinations) {
        if (src.name !== dst.name && !(src.external && dst.external)) yield { src, dst };
      }
    }
  }

  /** What any pod of `src` can open to any pod of `dst`; `undefined` when that is nothing. */
  between(src: Entity, dst: Entity): PortSet | undefined {
    let all: PortId = NOTHING;
    for (const from of src.endpoints) {
      for (const to of dst.endpoints) all = this.#table.union(all, this.#allowed(from, to));
    }
    return all === NOTHING ? undefined : this.#table.get(all);
  }

  /** What one endpoint can open to another. */
  allowed(from: Endpoint, to: Endpoint): PortSet {
    return this.#table.get(this.#allowed(from, to));
  }

  /** A connection must be allowed to leave the one and to enter the other. */
  #allowed(from: Endpoint, to: Endpoint): PortId {
    return this.#table.intersection(read(this.#egress[from.index], to), read(this.#ingress[to.index], from));
  }
}

/** No row means that the pod is not isolated. */
function read(row: Row | undefined, other: Endpoint): PortId {
  return row === undefined ? ANYTHING : (row[other.index] ?? NOTHING);
}
