import { DestinationRules } from "../consistency/destination-rules.ts";
import { hasLabels, isGateway } from "../consistency/world.ts";
import { arrive, arriveAtGateway } from "./arrive.ts";
import { type Target, targetsOf } from "./chains.ts";
import { type DialledEndpoint, destination } from "./destination.ts";
import { endpointsOf } from "./endpoints.ts";
import { envoyFilterNotes } from "./envoy-filters.ts";
import { routesFor } from "./exported.ts";
import { hostsMatch, isWithin } from "./host.ts";
import type { Sender } from "./judge.ts";
import type { L4Match, RouteDestinations } from "./schema.ts";
import { gatewayScope, type Scope } from "./scope.ts";
import type { Arrival, Hop, Leg } from "./types.ts";
import type { Gateway, GatewayServer, Pod, RoutingWorld, VirtualService } from "./world.ts";

/** The pod of a gateway: its listeners are those of Gateway objects, not of Services. */
export function gatewayAt({ mesh, gateways }: RoutingWorld, pod: Pod | undefined): Pod | undefined {
  if (pod === undefined) return undefined;
  const selected = gateways.some(({ selector }) => selector !== undefined && hasLabels(selector, pod.labels));
  return selected || isGateway(mesh, pod.labels) ? pod : undefined;
}

interface Reaching {
  readonly gateway: Pod;
  readonly sender: Sender;
  readonly dialled: readonly DialledEndpoint[];
  /** The server name of TLS that the client's proxy starts. */
  readonly outerSni: string | undefined;
}

/** A server of a Gateway that takes a connection, and the route that it leads to. */
interface Taken {
  readonly gateway: Gateway;
  readonly server: GatewayServer;
  readonly route: NonNullable<RouteDestinations>;
  readonly virtualService: VirtualService;
}

/**
 * What a gateway does with a connection (pilot/pkg/networking/core/gateway.go): the server by port and server name, then the
 * VirtualService that is bound to its Gateway.
 */
export function gatewayHop(
  world: RoutingWorld,
  { gateway: pod, sender, dialled, outerSni }: Reaching,
): { hop: Hop; arrivals: readonly Arrival[]; notes: readonly string[] } {
  const [first] = dialled;
  const port = first?.endpoint.port ?? 0;
  const sends = first?.sends ?? "plaintext";
  const outer = sends === "plaintext" ? sender.sni : outerSni;
  const scope = gatewayScope(world, pod);
  const servers = serversAt(world, pod, port);
  const { server, taken } = choose(world, pod, servers, outer);
  const arrivals = dialled.map(({ endpoint }) =>
    arriveAtGateway(world, { ...sender, sni: outer }, endpoint, { sends, server: server?.server }),
  );
  const notes = envoyFilterNotes(world, { proxy: pod, context: "GATEWAY", port });
  const passesOn: Sender = {
    pod,
    plane: "sidecar",
    ip: first?.endpoint.address,
    // A server that ends TLS hands on what was inside of it.
    sni: server?.server.tls === undefined || server.server.tls === "PASSTHROUGH" ? sender.sni : undefined,
  };
  const isHttp = server?.server.protocol === "http";
  const targets = isHttp
    ? httpTargets(world, pod, scope, server)
    : taken === undefined
      ? []
      : targetsOf(scope, taken.route, taken.server.number);
  if (isHttp) notes.push(HTTP_NOTE);
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  const rules = new DestinationRules(world.mesh.rules, world.mesh.rootNamespace);
  return {
    arrivals,
    notes,
    hop: {
      proxy: `gateway ${pod.workload}`,
      listener: `0.0.0.0_${port}`,
      listenerOf: server && `${server.gateway.id}, server ${server.server.index + 1}`,
      route: isHttp
        ? "HTTP routes, by the Host header"
        : (taken?.virtualService.id ?? whyNot(servers, server)),
      ...(server?.server.tls === "AUTO_PASSTHROUGH" && { notJudged: AUTO }),
      routeObject: taken?.virtualService.id,
      legs: targets.map(({ cluster, weight }) =>
        legOf(world, scope, rules, passesOn, cluster, Math.round((weight / Math.max(total, 1)) * 100)),
      ),
    },
  };
}

/** Where a gateway's listener leads, by Envoy's names of clusters. */
export function gatewayTargets(
  world: RoutingWorld,
  pod: Pod,
  port: number,
  sni: string | undefined,
): readonly Target[] {
  const { taken } = choose(world, pod, serversAt(world, pod, port), sni);
  return taken === undefined ? [] : targetsOf(gatewayScope(world, pod), taken.route, taken.server.number);
}

const AUTO = "the service that the server name stands for (AUTO_PASSTHROUGH): not judged";
const HTTP_NOTE =
  "the gateway routes HTTP by the Host header: the destinations are all that HTTP routes bound to it name, which of them is not judged";

function httpTargets(world: RoutingWorld, pod: Pod, scope: Scope, served: Served): readonly Target[] {
  const routes = boundTo(world, pod, served).flatMap(({ http }) => http.map(({ route }) => route));
  const [only] = routes;
  if (routes.length === 1 && only !== undefined) return targetsOf(scope, only, served.server.number);
  const clusters = routes.flatMap((route) => targetsOf(scope, route, served.server.number));
  const all = [...new Set(clusters.map(({ cluster }) => cluster))];
  return all.map((cluster) => ({ cluster, weight: 100 / all.length }));
}

type Served = Pick<Taken, "gateway" | "server">;

function whyNot(servers: readonly Served[], server: Served | undefined): string {
  if (servers.length === 0) return "nothing: no server of a Gateway for this workload is on the port";
  if (server === undefined) return "nothing: no server is for this server name";
  if (server.server.tls === "AUTO_PASSTHROUGH") return AUTO;
  return "nothing: no VirtualService with a TCP or TLS route is bound to the Gateway";
}

/** A server's port is that of the gateway's Service, and its listener is at the target port; else it is the pod's port. */
function serversAt(world: RoutingWorld, pod: Pod, port: number): Served[] {
  return world.gateways
    .filter(({ selector }) => selector === undefined || hasLabels(selector, pod.labels))
    .flatMap((gateway) =>
      gateway.servers
        .filter((server) => listensOn(world, pod, server) === port)
        .map((server) => ({ gateway, server })),
    );
}

export function listensOn(world: RoutingWorld, pod: Pod, { number }: GatewayServer): number {
  for (const service of world.services) {
    const port = service.ports.find((one) => one.number === number);
    if (service.kind !== "kubernetes" || port === undefined) continue;
    const own = endpointsOf(world, service, port).find((endpoint) => endpoint.pod === pod);
    if (own !== undefined) return own.port;
  }
  return number;
}

/** The closest server name wins; one without TLS has none, and is alone on its port. */
function choose(
  world: RoutingWorld,
  pod: Pod,
  servers: readonly Served[],
  sni: string | undefined,
): { server: Served | undefined; taken: Taken | undefined } {
  const ranked = servers.flatMap((served) => {
    const { server } = served;
    if (server.tls === "PASSTHROUGH") {
      return tlsRoutes(world, pod, served).flatMap(({ names, taken }) => {
        const rank = nameRank(names, sni);
        return rank === undefined ? [] : [{ rank, served, taken }];
      });
    }
    if (server.tls === "AUTO_PASSTHROUGH") return [{ rank: 0, served, taken: undefined }];
    const names = server.tls === undefined ? ["*"] : server.hosts.map((host) => host.replace(/^[^/]*\//, ""));
    const rank = nameRank(names, sni);
    return rank === undefined ? [] : [{ rank, served, taken: tcpRoute(world, pod, served) }];
  });
  const best = Math.max(...ranked.map(({ rank }) => rank));
  const chosen = ranked.find(({ rank }) => rank === best);
  return { server: chosen?.served, taken: chosen?.taken };
}

function nameRank(names: readonly string[], asked: string | undefined): number | undefined {
  if (names.includes("*")) return 0;
  if (asked === undefined) return undefined;
  const sni = asked.toLowerCase();
  const lengths = names.flatMap((name) =>
    name === sni ? [Number.MAX_SAFE_INTEGER] : isWithin(sni, name) ? [name.length] : [],
  );
  return lengths.length === 0 ? undefined : Math.max(...lengths);
}

function boundTo(world: RoutingWorld, pod: Pod, { gateway, server }: Served): VirtualService[] {
  const name = `${gateway.namespace}/${gateway.name}`;
  return routesFor(world, pod.namespace, name).filter(({ hosts, namespace }) =>
    server.hosts.some((stated) => {
      const [at, host] = stated.includes("/") ? stated.split("/", 2) : ["*", stated];
      const own = at === "." ? gateway.namespace : at;
      if (own !== "*" && own !== namespace) return false;
      return hosts.some((one) => hostsMatch(host ?? "", one));
    }),
  );
}

function tcpRoute(world: RoutingWorld, pod: Pod, served: Served): Taken | undefined {
  for (const virtualService of boundTo(world, pod, served)) {
    for (const { match, route } of virtualService.tcp) {
      const fits = match.length === 0 || match.some((one) => isFor(one, served));
      if (fits && route.length > 0) return { ...served, route, virtualService };
    }
  }
  return undefined;
}

/** A match with a server name that an earlier one on the port has is dropped as a whole: Envoy refuses such chains. */
function tlsRoutes(
  world: RoutingWorld,
  pod: Pod,
  served: Served,
): { names: readonly string[]; taken: Taken }[] {
  const chains: { names: readonly string[]; taken: Taken }[] = [];
  const known = new Set<string>();
  for (const virtualService of boundTo(world, pod, served)) {
    for (const { match, route } of virtualService.tls) {
      if (route.length === 0) continue;
      for (const one of match) {
        const names = one.sniHosts ?? [];
        if (!isFor(one, served) || names.some((name) => known.has(name))) continue;
        for (const name of names) known.add(name);
        chains.push({ names, taken: { ...served, route, virtualService } });
      }
    }
  }
  return chains;
}

function isFor({ gateways, port }: L4Match, { gateway, server }: Served): boolean {
  const named = gateways ?? [];
  return (
    (named.length === 0 || named.includes(`${gateway.namespace}/${gateway.name}`)) &&
    (!port || port === server.number)
  );
}

function legOf(
  world: RoutingWorld,
  scope: Scope,
  rules: DestinationRules,
  sender: Sender,
  cluster: string,
  share: number,
): Leg {
  const found = destination(world, scope, rules, cluster, true);
  const to = `${found.id.host}:${found.id.port}${found.id.subset ? ` subset ${found.id.subset}` : ""}`;
  const base = { destination: to, cluster, share, next: undefined };
  if ("reason" in found) return { ...base, because: "", arrivals: [], broken: found.reason };
  const arrivals = found.endpoints.map(({ endpoint, sends }) => arrive(world, sender, endpoint, sends));
  const broken = arrivals.length === 0 ? "no endpoint is known" : undefined;
  return { ...base, because: found.because, arrivals, broken };
}
