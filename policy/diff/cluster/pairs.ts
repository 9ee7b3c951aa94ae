import type { Endpoint } from "../../kubernetes/reach/index.ts";
import { layeredReach } from "../../reach/index.ts";
import { IPV4 } from "../../sets/addresses.ts";
import { hasPort, type Protocol } from "../../sets/ports.ts";
import { canonical, type Range, type Ranges } from "../../sets/ranges.ts";
import type { ClusterSide } from "./objects.ts";
import { isBehind, type KubeService, targetPort } from "./service.ts";

/** Who can open connections to one port of one Service. */
export interface ServiceAccess {
  readonly service: KubeService;
  readonly port: number;
  /** By `namespace/serviceaccount`: the protocols. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<Protocol>>;
  /** The addresses outside of the cluster, for each protocol. */
  readonly outside: ReadonlyMap<Protocol, Ranges<number>>;
  /** By `namespace/serviceaccount`: how many of the workloads behind the Service it reaches, where not all of them. */
  readonly partly: ReadonlyMap<string, string>;
}

interface Backend {
  readonly endpoint: Endpoint;
  readonly workload: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/**
 * Who reaches which port of which Service, by `namespace/service:port`.
 *
 * A service account reaches a Service when a pod that runs as it can open a connection to the target port of a pod behind
 * the Service: any of them, as a connection may be sent to any. A workload and itself do not count.
 */
export function serviceAccess(side: ClusterSide): Map<string, ServiceAccess> {
  const { reachability, between } = layeredReach({
    ...side.options,
    cluster: side.cluster,
    policies: side.policies,
  });
  const sources = reachability.sources;
  const pods = reachability.destinations.flatMap(({ name, endpoints }) =>
    endpoints.flatMap((endpoint) => (endpoint.type === "pod" ? [{ workload: name, endpoint }] : [])),
  );
  const byNamespace = Map.groupBy(pods, ({ endpoint }) => endpoint.pod.namespace);
  const found = new Map<string, ServiceAccess>();
  for (const service of side.services) {
    const behind = (byNamespace.get(service.namespace) ?? []).filter(({ endpoint }) =>
      isBehind(service, endpoint.pod),
    );
    for (const port of new Set(service.ports.map((port) => port.port))) {
      const backends = service.ports
        .filter((other) => other.port === port)
        .flatMap((servicePort) =>
          behind.flatMap(({ workload, endpoint }): Backend[] => {
            const target = targetPort(servicePort, endpoint.pod);
            if (target === undefined) return [];
            return [{ endpoint, workload, protocol: servicePort.protocol, port: target }];
          }),
        );
      const opens = (from: Endpoint, { endpoint, protocol, port }: Backend): boolean =>
        hasPort(between(from, endpoint).through, protocol, port);
      found.set(`${service.namespace}/${service.name}:${port}`, {
        service,
        port,
        ...accessTo(backends, sources, opens),
      });
    }
  }
  return found;
}

function accessTo(
  backends: readonly Backend[],
  sources: readonly { readonly name: string; readonly endpoints: readonly Endpoint[] }[],
  opens: (from: Endpoint, to: Backend) => boolean,
): Pick<ServiceAccess, "accounts" | "outside" | "partly"> {
  const accounts = new Map<string, Set<Protocol>>();
  const ranges = new Map<Protocol, Range<number>[]>();
  const reached = new Map<string, { some: Set<string>; all: Set<string> }>();
  for (const source of sources) {
    for (const from of source.endpoints) {
      for (const backend of backends) {
        if (source.name === backend.workload) continue;
        const open = opens(from, backend);
        if (from.type === "pod") {
          const name = `${from.pod.namespace}/${from.pod.serviceAccount}`;
          const count = reached.get(name) ?? { some: new Set(), all: new Set() };
          reached.set(name, count);
          count.all.add(backend.workload);
          if (!open) continue;
          count.some.add(backend.workload);
          const protocols = accounts.get(name) ?? new Set();
          accounts.set(name, protocols.add(backend.protocol));
        } else if (open) {
          const { low, high } = from.range;
          if (typeof low !== "number" || typeof high !== "number") continue;
          const list = ranges.get(backend.protocol) ?? [];
          list.push({ low, high });
          ranges.set(backend.protocol, list);
        }
      }
    }
  }
  const outside = new Map([...ranges].map(([protocol, list]) => [protocol, canonical(IPV4, list)] as const));
  const partly = new Map(
    [...reached]
      .filter(([, { some, all }]) => some.size > 0 && some.size < all.size)
      .map(([name, { some, all }]) => [name, `${some.size} of ${all.size} workloads`] as const),
  );
  return { accounts, outside, partly };
}
