import { PolicyError } from "../../finding.ts";
import type { PortSet } from "../../sets/ports.ts";
import type { Cluster } from "./cluster.ts";
import { type Endpoint, type Entity, type ExternalOptions, populate } from "./endpoints.ts";
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
  const { endpoints, sources, destinations } = populate(cluster, options);
  const table = new PortTable();
  const matrix = new Matrix(cluster, endpoints, table);
  const ingress = endpoints.map((endpoint) => matrix.ingress(endpoint));
  const egress = endpoints.map((endpoint) => matrix.egress(endpoint));
  for (const src of sources) {
    for (const dst of destinations) {
      if (src.name === dst.name || (src.external && dst.external)) continue;
      const ports = between(src, dst, ingress, egress, table);
      if (ports !== NOTHING) yield { src: src.name, dst: dst.name, ports: table.get(ports) };
    }
  }
}

/** What any pod of `src` can open to any pod of `dst`: it must be allowed to leave the one and to enter the other. */
function between(
  src: Entity,
  dst: Entity,
  ingress: readonly (Row | undefined)[],
  egress: readonly (Row | undefined)[],
  table: PortTable,
): PortId {
  let all: PortId = NOTHING;
  for (const from of src.endpoints) {
    for (const to of dst.endpoints) {
      const leaves = allowed(egress[from.index], to);
      const enters = allowed(ingress[to.index], from);
      all = table.union(all, table.intersection(leaves, enters));
    }
  }
  return all;
}

function allowed(row: Row | undefined, other: Endpoint): PortId {
  return row === undefined ? ANYTHING : (row[other.index] ?? NOTHING);
}
