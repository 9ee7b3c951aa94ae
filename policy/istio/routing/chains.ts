import { hasLabels } from "../consistency/world.ts";
import { clusterName } from "./cluster-name.ts";
import { hostsMatch, isWildcard } from "./host.ts";
import type { L4Match, RouteDestinations } from "./schema.ts";
import type { Client, Scope } from "./scope.ts";
import {
  type Registered,
  type RegistryPort,
  UNSPECIFIED,
  type VirtualService,
  type WrittenDestination,
} from "./world.ts";

/** Where a filter chain leads. */
export interface Target {
  /** Envoy's name of the cluster. */
  readonly cluster: string;
  readonly weight: number;
}

/** One way out of a listener: what a connection must be like, and where it goes then. */
export interface Chain {
  readonly serverNames: readonly string[];
  readonly ranges: readonly string[];
  /** Only for what Envoy recognizes as HTTP in plaintext; routed by its Host header, which is not followed here. */
  readonly http: boolean;
  readonly targets: readonly Target[];
  /** The VirtualService that says so; none for the service's own route. */
  readonly route: VirtualService | undefined;
  /** The service that the listener was made for. */
  readonly service: Registered | undefined;
}

/** The chains that a service's port adds to a listener (pilot/pkg/networking/core/tls.go). */
export function tcpChains(
  scope: Scope,
  service: Registered,
  port: RegistryPort,
  bind: string,
  ranges: readonly string[],
  virtualServices: readonly VirtualService[],
): Chain[] {
  const routes = virtualServices.filter(({ hosts }) => hosts.some((host) => hostsMatch(host, service.host)));
  return port.protocol === "tls"
    ? tlsRoutes(scope, service, port, bind, ranges, routes)
    : tcpRoutes(scope, service, port, ranges, routes);
}

function tlsRoutes(
  scope: Scope,
  service: Registered,
  port: RegistryPort,
  bind: string,
  given: readonly string[],
  routes: readonly VirtualService[],
): Chain[] {
  const chains: Chain[] = [];
  const handled = new Set<string>();
  // As in istiod, subnets of one match stay in force for the matches after it.
  let ranges = given;
  for (const virtualService of routes) {
    for (const { match, route } of virtualService.tls) {
      if (route.length === 0) continue;
      for (const one of match) {
        if (!applies(one, scope.client, port.number)) continue;
        const subnets = one.destinationSubnets ?? [];
        if (subnets.length > 0) ranges = subnets;
        const key = `${(one.sniHosts ?? []).join(",")}|${subnets.join(",")}`;
        if (!handled.has(key)) {
          const serverNames = one.sniHosts ?? [];
          const targets = targetsOf(scope, route, port.number);
          chains.push({ serverNames, ranges, http: false, targets, route: virtualService, service });
        }
        handled.add(key);
      }
    }
  }
  if (chains.length > 0) return chains;
  // Without an address of its own, only the server name tells the service's connections from others.
  const shared = service.address === UNSPECIFIED && bind === UNSPECIFIED;
  const serverNames =
    ranges.length > 0 || service.address.includes("/") || shared || isDynamicWildcard(service)
      ? [service.host]
      : [];
  return [{ serverNames, ranges, http: false, targets: ownTarget(service, port), route: undefined, service }];
}

function tcpRoutes(
  scope: Scope,
  service: Registered,
  port: RegistryPort,
  ranges: readonly string[],
  routes: readonly VirtualService[],
): Chain[] {
  const chains: Chain[] = [];
  const add = (
    to: readonly string[],
    targets: readonly Target[],
    route: VirtualService | undefined,
  ): void => {
    chains.push({ serverNames: [], ranges: to, http: false, targets, route, service });
  };
  for (const virtualService of routes) {
    for (const { match, route } of virtualService.tcp) {
      if (route.length === 0) continue;
      const targets = targetsOf(scope, route, port.number);
      const matching = match.filter((one) => applies(one, scope.client, port.number));
      const everywhere =
        match.length === 0 || matching.some((one) => (one.destinationSubnets ?? []).length === 0);
      if (everywhere) {
        // Whatever comes after is never looked at.
        add(ranges, targets, virtualService);
        return chains;
      }
      const subnets = matching.flatMap(({ destinationSubnets }) => destinationSubnets ?? []);
      if (subnets.length === 0) continue;
      add(subnets, targets, virtualService);
      if (sameTexts(subnets, ranges)) return chains;
    }
  }
  add(ranges, ownTarget(service, port), undefined);
  return chains;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.toSorted().every((text, index) => text === b.toSorted()[index]);
}

/** Whether a route's match is for this client and port; what it asks of the connection itself is not looked at here. */
function applies(match: L4Match, { namespace, labels }: Client, port: number): boolean {
  const gateways = match.gateways ?? [];
  return (
    (gateways.length === 0 || gateways.includes("mesh")) &&
    hasLabels(match.sourceLabels ?? {}, labels) &&
    (!match.port || match.port === port) &&
    (!match.sourceNamespace || match.sourceNamespace === namespace)
  );
}

function isDynamicWildcard({ host, resolution }: Registered): boolean {
  return isWildcard(host) && resolution === "dynamic";
}

/** A service with one port is dialled on it, whatever port the listener has. */
function ownTarget({ host, ports }: Registered, { number }: RegistryPort): Target[] {
  const [only] = ports;
  const port = ports.length === 1 && only !== undefined ? only.number : number;
  return [{ cluster: clusterName(host, port), weight: 100 }];
}

export function targetsOf(
  scope: Scope,
  route: NonNullable<RouteDestinations>,
  listenerPort: number,
): Target[] {
  const [first] = route;
  if (first === undefined) return [];
  if (route.length === 1) {
    return [{ cluster: destinationCluster(scope, first.destination, listenerPort), weight: 100 }];
  }
  const byCluster = new Map<string, number>();
  for (const { destination, weight } of route) {
    if (!weight) continue;
    const cluster = destinationCluster(scope, destination, listenerPort);
    byCluster.set(cluster, (byCluster.get(cluster) ?? 0) + weight);
  }
  return [...byCluster].map(([cluster, weight]) => ({ cluster, weight }));
}

/** The destination's own port, else the only one that the service has, else the listener's. */
export function destinationCluster(
  { services }: Scope,
  { host, port, subset }: WrittenDestination,
  listenerPort: number,
): string {
  const service = services.get(host);
  const [only] = service?.ports ?? [];
  const single = service?.ports.length === 1 ? only?.number : undefined;
  return clusterName(service?.aliasOf ?? host, port?.number ?? single ?? listenerPort, subset ?? undefined);
}
