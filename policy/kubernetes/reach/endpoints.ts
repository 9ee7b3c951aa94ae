import { compareText } from "../../finding.ts";
import { type AddressSet, formatAddressRange, IPV4, IPV6 } from "../../sets/addresses.ts";
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

/** Every endpoint, numbered from 0, and what can be the source and the destination of connections, sorted by name. */
export interface Population {
  readonly endpoints: readonly Endpoint[];
  readonly sources: readonly Entity[];
  readonly destinations: readonly Entity[];
}

export interface ExternalOptions {
  /**
   * Also report on IPv6 addresses, if a policy names any in that direction.
   * @default false
   */
  readonly ipv6?: boolean;
  /**
   * Blocks that something else than a NetworkPolicy tells apart as sources; they cut the outside world too.
   * @default none
   */
  readonly alsoCut?: readonly AddressSet[];
}

/**
 * What connections of this cluster can start from and go to: its workloads, and the outside world.
 *
 * As a source, the outside world is the IPv4 addresses cut wherever an ipBlock (without its exceptions) of some ingress
 * rule begins or ends; as a destination, it is cut by the egress rules. So a range behaves as one for every workload,
 * and is as long as it can be. As the documentation of NetworkPolicy has it, ipBlocks are about addresses outside of
 * the cluster: no pod is matched by its own address.
 */
export function populate(cluster: Cluster, options: ExternalOptions = {}): Population {
  const endpoints: Endpoint[] = [];
  const workloads = new Map<string, Map<string, Endpoint>>();
  for (const pod of cluster.pods) {
    const kinds = workloads.get(pod.workload) ?? new Map<string, Endpoint>();
    workloads.set(pod.workload, kinds);
    const look = JSON.stringify(pod);
    if (kinds.has(look)) continue;
    const portNames = JSON.stringify(pod.ports.filter(({ name }) => name !== undefined));
    const endpoint: Endpoint = { type: "pod", index: endpoints.length, pod, portNames };
    kinds.set(look, endpoint);
    endpoints.push(endpoint);
  }
  const inside = [...workloads].map(([name, kinds]) => ({
    name,
    external: false,
    endpoints: [...kinds.values()],
  }));
  const outside = (blocks: readonly AddressSet[]): Entity[] =>
    divide(blocks, options).map((range) => {
      const endpoint: Endpoint = { type: "external", index: endpoints.length, range };
      endpoints.push(endpoint);
      return { name: `external:${formatAddressRange(range)}`, external: true, endpoints: [endpoint] };
    });
  return {
    endpoints,
    sources: sorted([
      ...inside,
      ...outside([...cluster.policies.flatMap(({ blocks }) => blocks.ingress), ...(options.alsoCut ?? [])]),
    ]),
    destinations: sorted([...inside, ...outside(cluster.policies.flatMap(({ blocks }) => blocks.egress))]),
  };
}

function sorted(entities: readonly Entity[]): Entity[] {
  return entities.toSorted((a, b) => compareText(a.name, b.name));
}

/** The longest ranges of addresses that no block cuts. */
function divide(blocks: readonly AddressSet[], { ipv6 }: ExternalOptions): (Range<number> | Range<bigint>)[] {
  const divided = pieces(
    IPV4,
    blocks.map((block) => block.ipv4),
  );
  if (ipv6 !== true || blocks.every((block) => block.ipv6.length === 0)) return [...divided];
  const more = pieces(
    IPV6,
    blocks.map((block) => block.ipv6),
  );
  return [...divided, ...more];
}
