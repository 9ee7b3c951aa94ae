import { formatAddressRange, IPV4, IPV6 } from "../../sets/addresses.ts";
import { pieces, type Range } from "../../sets/ranges.ts";
import type { Cluster, Pod } from "./cluster.ts";

/** One end of a connection: pods that look the same to every policy, or addresses outside of the cluster that do. */
export type Endpoint =
  /** `portNames` is the same for pods on which every port name means the same. */
  | { readonly type: "pod"; readonly index: number; readonly pod: Pod; readonly portNames: string }
  | { readonly type: "external"; readonly index: number; readonly range: Range<number> | Range<bigint> };

/** What a report names: a workload with the kinds of pods that it has, or a range of addresses. */
export interface Entity {
  readonly name: string;
  readonly external: boolean;
  readonly endpoints: readonly Endpoint[];
}

/** Every endpoint, numbered from 0, and what they belong to, sorted by name. */
export interface Population {
  readonly endpoints: readonly Endpoint[];
  readonly entities: readonly Entity[];
}

export interface ExternalOptions {
  /**
   * Also report on IPv6 addresses, if a policy names any.
   * @default false
   */
  readonly ipv6?: boolean;
}

/**
 * The two ends that connections of this cluster can have. The outside world is the IPv4 addresses, cut where an
 * ipBlock (without its exceptions) begins or ends, whichever policy and direction that is in: so a range behaves as
 * one for every workload. As in the documentation of NetworkPolicy, ipBlocks are about addresses outside of the
 * cluster: no pod is matched by its own address.
 */
export function populate(cluster: Cluster, options: ExternalOptions = {}): Population {
  const endpoints: Endpoint[] = [];
  const workloads = new Map<string, Map<string, Endpoint>>();
  for (const pod of cluster.pods) {
    const kinds = workloads.get(pod.workload) ?? new Map<string, Endpoint>();
    workloads.set(pod.workload, kinds);
    const look = JSON.stringify([Object.entries(pod.labels).sort(), pod.ports]);
    if (kinds.has(look)) continue;
    const portNames = JSON.stringify(pod.ports.filter(({ name }) => name !== undefined));
    const endpoint: Endpoint = { type: "pod", index: endpoints.length, pod, portNames };
    kinds.set(look, endpoint);
    endpoints.push(endpoint);
  }
  const entities: Entity[] = [...workloads].map(([name, kinds]) => ({
    name,
    external: false,
    endpoints: [...kinds.values()],
  }));
  for (const range of outside(cluster, options)) {
    const endpoint: Endpoint = { type: "external", index: endpoints.length, range };
    endpoints.push(endpoint);
    entities.push({ name: `external:${formatAddressRange(range)}`, external: true, endpoints: [endpoint] });
  }
  entities.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { endpoints, entities };
}

function outside(cluster: Cluster, options: ExternalOptions): (Range<number> | Range<bigint>)[] {
  const blocks = cluster.policies.flatMap((policy) => policy.blocks);
  const ipv4 = pieces(
    IPV4,
    blocks.map((block) => block.ipv4),
  );
  const named = options.ipv6 === true && blocks.some((block) => block.ipv6.length > 0);
  if (!named) return [...ipv4];
  const ipv6 = pieces(
    IPV6,
    blocks.map((block) => block.ipv6),
  );
  return [...ipv4, ...ipv6];
}
