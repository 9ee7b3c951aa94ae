import { arrive } from "./arrive.ts";
import { type Chain, destinationCluster, type Target, targetsOf } from "./chains.ts";
import { BLACK_HOLE, PASSTHROUGH, parseClusterName } from "./cluster-name.ts";
import { type Destination, destination, type Sent } from "./destination.ts";
import { type Endpoint, endpointAt, endpointsAtAddress } from "./endpoints.ts";
import { envoyFilterNotes } from "./envoy-filters.ts";
import { gatewayAt, gatewayHop } from "./gateway-route.ts";
import type { Sender } from "./judge.ts";
import type { OutboundListener } from "./listeners.ts";
import type { FirstBytes } from "./match.ts";
import { type SidecarView, selectTarget } from "./select-target.ts";
import type { Arrival, Hop, Leg } from "./types.ts";
import type { RoutingWorld } from "./world.ts";

/** A connection at a client's sidecar. */
export interface Outgoing {
  readonly address: string;
  readonly port: number;
  readonly first: FirstBytes;
  /** The registered host that the client means, for HTTP. */
  readonly host: string | undefined;
}

export function routeFromSidecar(
  world: RoutingWorld,
  view: SidecarView,
  sender: Sender,
  { address, port, first, host }: Outgoing,
): { hop: Hop; notes: string[] } {
  const selected = selectTarget(view, address, port, first);
  const { listener, chain, http, refused } = selected;
  if (listener !== undefined && refused !== undefined)
    return { hop: refusedHop(sender, listener, refused), notes: [] };
  const notes = envoyFilterNotes(world, {
    proxy: sender.pod,
    context: "SIDECAR_OUTBOUND",
    port,
    ...(listener && { listener: listenerName(listener) }),
  });
  const targets = http ? httpTargets(view, host ?? chain?.service?.host, port) : selected.targets;
  if (http) {
    notes.push(
      "Envoy parses this as HTTP and routes by the Host header: the destinations are all that HTTP routes for the host name; matches on paths and headers are not judged",
    );
  }
  if (chain !== undefined && !http && isDetected(listener)) {
    notes.push(
      "the port's protocol is detected from the client's first bytes: where the server speaks first, it hangs until the detection times out",
    );
  }
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  const legs = targets.map(({ cluster, weight }): Leg => {
    notes.push(...clusterNotes(world, sender, cluster));
    const share = total === 0 ? 0 : Math.round((weight / total) * 100);
    return leg(world, view, sender, { cluster, share, address, port });
  });
  return {
    hop: {
      proxy: `sidecar of ${sender.pod.workload}`,
      listener: listener === undefined ? "virtualOutbound" : listenerName(listener),
      listenerOf: http ? undefined : chain?.service?.id,
      route: routeText(chain, http, targets),
      routeObject: http ? undefined : (chain?.route?.id ?? chain?.service?.id),
      legs,
    },
    notes,
  };
}

function refusedHop({ pod }: Sender, listener: OutboundListener, twice: string): Hop {
  const broken = `Envoy refuses the listener: two of its chains are for the same connections (${twice}). A pod that starts with it does not become ready (istio#29197)`;
  const routes = [...new Set(listener.chains.map(({ route, service }) => (route ?? service)?.id ?? ""))];
  return {
    proxy: `sidecar of ${pod.workload}`,
    listener: listenerName(listener),
    listenerOf: undefined,
    route: `refused: of ${routes.join(", ")}`,
    routeObject: undefined,
    legs: [
      {
        destination: "nowhere",
        cluster: undefined,
        share: 100,
        because: "",
        arrivals: [],
        next: undefined,
        broken,
      },
    ],
  };
}

export function listenerName({ binds, port }: OutboundListener): string {
  return `${binds[0] ?? ""}_${port}`;
}

function isDetected(listener: OutboundListener | undefined): boolean {
  return listener?.chains.some(({ http }) => http) === true;
}

function routeText(chain: Chain | undefined, http: boolean, targets: readonly Target[]): string {
  if (http) return "HTTP routes, by the Host header";
  if (chain?.route !== undefined) return chain.route.id;
  if (chain?.service !== undefined) return `${chain.service.id} itself`;
  return targets[0]?.cluster === BLACK_HOLE
    ? "nothing: only registered services may be reached (REGISTRY_ONLY)"
    : "nothing: what no service is for is passed on (ALLOW_ANY)";
}

/** All that HTTP routes for a host may lead to: routes of VirtualServices, else the service itself. */
function httpTargets(view: SidecarView, host: string | undefined, port: number): readonly Target[] {
  if (host === undefined) return [];
  const { scope } = view;
  const routes = scope.egress
    .flatMap(({ virtualServices }) => virtualServices)
    .filter(({ hosts, http }) => http.length > 0 && hosts.includes(host))
    .flatMap(({ http }) => http);
  const [only] = routes;
  if (routes.length === 1 && only !== undefined) return targetsOf(scope, only.route, port);
  const all = [
    ...new Set(routes.flatMap(({ route }) => targetsOf(scope, route, port).map(({ cluster }) => cluster))),
  ];
  if (all.length > 0) return all.map((cluster) => ({ cluster, weight: 100 / all.length }));
  return [{ cluster: destinationCluster(scope, { host, port: { number: port } }, port), weight: 100 }];
}

function clusterNotes(world: RoutingWorld, { pod }: Sender, cluster: string): string[] {
  const id = parseClusterName(cluster);
  return id === undefined
    ? []
    : envoyFilterNotes(world, {
        proxy: pod,
        context: "SIDECAR_OUTBOUND",
        port: 0,
        cluster: { name: cluster, ...id },
      }).filter((note) => note.includes("the cluster"));
}

interface Dialling {
  readonly cluster: string;
  readonly share: number;
  readonly address: string;
  readonly port: number;
}

function leg(
  world: RoutingWorld,
  view: SidecarView,
  sender: Sender,
  { cluster, share, address, port }: Dialling,
): Leg {
  const base = { cluster, share, next: undefined, broken: undefined, arrivals: [] };
  if (cluster === BLACK_HOLE) {
    return { ...base, destination: "nowhere", because: "", broken: "the sidecar closes the connection" };
  }
  if (cluster === PASSTHROUGH) return passthroughLeg(world, sender, { cluster, share, address, port });
  const found = destination(world, view.scope, view.rules, cluster);
  const to = `${found.id.host}:${found.id.port}${found.id.subset ? ` subset ${found.id.subset}` : ""}`;
  if ("reason" in found) return { ...base, destination: to, because: "", broken: found.reason };
  const dialled = dialledEndpoints(world, found, address, port);
  if (dialled.length === 0) {
    return { ...base, destination: to, because: found.because, broken: "no endpoint is known" };
  }
  const gateway = gatewayAt(world, dialled[0]?.endpoint.pod);
  if (gateway !== undefined) {
    const { hop, arrivals, notes } = gatewayHop(world, { gateway, sender, dialled, outerSni: found.sni });
    return {
      ...base,
      destination: to,
      because: found.because,
      arrivals: withNotes(arrivals, notes),
      next: hop,
    };
  }
  const arrivals = dialled.map(({ endpoint, sends }) => arrive(world, sender, endpoint, sends));
  return { ...base, destination: to, because: found.because, arrivals };
}

function withNotes(arrivals: readonly Arrival[], notes: readonly string[]): Arrival[] {
  return arrivals.map((arrival) => ({ ...arrival, notes: [...arrival.notes, ...notes] }));
}

/** What is dialled by address is the pod there, if it is one. */
function dialledEndpoints(world: RoutingWorld, found: Destination, address: string, port: number) {
  if (!found.passthrough) return found.endpoints;
  const known = found.endpoints.filter(
    ({ endpoint }) => (endpoint.address ?? `pod ${endpoint.pod?.workload ?? ""}`) === address,
  );
  if (known.length > 0) return known;
  const to: Endpoint = endpointAt(world, address, found.portOverride ?? port);
  return [{ endpoint: to, sends: found.sends }];
}

/**
 * Passed on as it is: in plaintext, as nothing is known of the server. Where the address is a Service's, Kubernetes still
 * chooses one of its pods.
 */
function passthroughLeg(
  world: RoutingWorld,
  sender: Sender,
  { cluster, share, address, port }: Dialling,
): Leg {
  const sends: Sent = "plaintext";
  const endpoints = endpointsAtAddress(world, address, port);
  return {
    destination: `${address}, port ${port}`,
    cluster,
    share,
    because: "passed on as it is",
    arrivals: endpoints.map((endpoint) => arrive(world, sender, endpoint, sends)),
    next: undefined,
    broken: endpoints.length === 0 ? "no endpoint is known" : undefined,
  };
}
