import { arrive, planeAt } from "./arrive.ts";
import type { Sent } from "./destination.ts";
import { type Endpoint, endpointAt, endpointsAtAddress, endpointsOf, serviceAt } from "./endpoints.ts";
import type { Sender } from "./judge.ts";
import type { Arrival, Hop } from "./types.ts";
import type { Registered, RoutingWorld } from "./world.ts";

/**
 * A connection that no sidecar sees: by ztunnel, or by Kubernetes alone. Neither reads VirtualServices, DestinationRules,
 * Sidecars or `exportTo`: the address says which Service it is, and one of its endpoints is dialled.
 */
export function routeDirectly(
  world: RoutingWorld,
  sender: Sender,
  address: string,
  port: number,
): { hop: Hop; notes: string[] } {
  const service = serviceAt(world, address, port);
  const notes: string[] = [];
  const isZtunnel = sender.plane === "ztunnel";
  const endpoints = isZtunnel
    ? ztunnelEndpoints(world, service, address, port)
    : endpointsAtAddress(world, address, port);
  const arrivals = endpoints.map((endpoint): Arrival => {
    const sends = sentBy(world, sender, endpoint);
    return {
      ...arrive(world, sender, endpoint, sends),
      ...(isTunnel(sender, sends) && { wire: "HBONE" as const }),
    };
  });
  if (isZtunnel) {
    notes.push(
      "ztunnel reads no VirtualService, DestinationRule, Sidecar or exportTo: the address alone decides",
    );
    const own = service && waypointOf(world, service);
    if (own !== undefined) {
      notes.push(
        `${service?.id} asks for waypoint ${own}: routes, and policies with targetRefs, apply there: not judged`,
      );
    }
    if (endpoints.some(({ pod }) => pod !== undefined && planeAt(world, pod) === "sidecar")) {
      notes.push("ztunnel reaches a sidecar through HBONE where the mesh is installed with ambient mode");
    }
  }
  const to = service === undefined ? `${address}, port ${port}` : `${service.host}:${port}`;
  return {
    hop: {
      proxy: isZtunnel ? `ztunnel at ${sender.pod.workload}` : `no proxy at ${sender.pod.workload}`,
      listener: isZtunnel ? "outbound (15001)" : "none",
      listenerOf: service?.id,
      route: service === undefined ? "nothing: passed on as it is" : `${service.id} itself`,
      routeObject: service?.id,
      legs: [
        {
          destination: to,
          cluster: undefined,
          share: 100,
          because: isZtunnel
            ? "mTLS (HBONE) to what is in the mesh, plaintext to all else"
            : "no proxy starts TLS",
          arrivals,
          next: undefined,
          broken: arrivals.length === 0 ? "no endpoint is known" : undefined,
        },
      ],
    },
    notes,
  };
}

function isTunnel({ plane }: Sender, sends: Sent): boolean {
  return plane === "ztunnel" && sends === "ISTIO_MUTUAL";
}

function sentBy(world: RoutingWorld, { plane }: Sender, { pod }: Endpoint): Sent {
  if (plane !== "ztunnel" || pod === undefined) return "plaintext";
  return planeAt(world, pod) === "none" ? "plaintext" : "ISTIO_MUTUAL";
}

/** ztunnel knows ServiceEntries by their addresses too. */
function ztunnelEndpoints(
  world: RoutingWorld,
  service: Registered | undefined,
  address: string,
  port: number,
): readonly Endpoint[] {
  const at = service?.ports.find(({ number }) => number === port);
  if (service === undefined || at === undefined || service.resolution === "passthrough") {
    return [endpointAt(world, address, port)];
  }
  return endpointsOf(world, service, at);
}

function waypointOf(world: RoutingWorld, { namespace, name, kind }: Registered): string | undefined {
  const own = kind === "kubernetes" ? world.waypoints.get(`${namespace}/${name}`) : undefined;
  const found = own ?? world.waypoints.get(namespace);
  return found === "none" ? undefined : found;
}
