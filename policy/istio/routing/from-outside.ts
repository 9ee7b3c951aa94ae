import { blankPod } from "../consistency/clients.ts";
import { hasLabels } from "../consistency/world.ts";
import { gatewayHop, listensOn } from "./gateway-route.ts";
import type { Sender } from "./judge.ts";
import { outcomeOf, worstOf } from "./outcome.ts";
import type { Routed } from "./types.ts";
import type { Gateway, GatewayServer, RoutingWorld } from "./world.ts";

export interface OutsideQuestion {
  readonly gateway: Gateway;
  /** Of a server of the Gateway, as it is written there. */
  readonly port: number;
  readonly sni?: string | undefined;
  /** The client's address, as the gateway sees it. */
  readonly sourceIp?: string | undefined;
}

/**
 * What becomes of a connection from outside of the mesh at a Gateway: the server, the route, and the verdicts at the gateway
 * and behind it. Where no pod of the gateway is given, one with the labels of the selector in the root namespace is taken.
 */
export function routeFromOutside(
  world: RoutingWorld,
  { gateway, port, sni, sourceIp }: OutsideQuestion,
): Routed {
  const selector = gateway.selector ?? {};
  const known = world.mesh.cluster.pods.find(
    ({ labels }) => gateway.selector !== undefined && hasLabels(selector, labels),
  );
  const pod = known ?? blankPod(world.mesh.rootNamespace, "gateway", selector);
  const server = gateway.servers.find(({ number }) => number === port);
  const listens = server === undefined ? port : listensOn(world, pod, server);
  const sender: Sender = { pod: blankPod("", "outside"), plane: "none", ip: sourceIp, sni };
  const endpoint = {
    address: undefined,
    port: listens,
    labels: pod.labels,
    pod,
    takesMtls: false,
    imagined: known === undefined,
  };
  const dialled = [{ endpoint, sends: "plaintext" as const }];
  const { hop, arrivals, notes } = gatewayHop(world, { gateway: pod, sender, dialled, outerSni: undefined });
  const assumed =
    known === undefined
      ? [
          `no pod of ${gateway.id} is given: one with the labels of its selector in ${pod.namespace} is taken; its service account is not known either, so verdicts on identities behind it may differ`,
        ]
      : [];
  // A certificate that a client shows to MUTUAL is none of the mesh's, and proves no identity that policies know.
  const own = arrivals.map((arrival) => ({ ...arrival, notes: [...arrival.notes, ...serverNotes(server)] }));
  return {
    dataPlane: "none",
    address: `the gateway's`,
    port,
    hop: {
      proxy: "client outside of the mesh",
      listener: "none",
      listenerOf: undefined,
      route: `${gateway.id} at port ${port}`,
      routeObject: gateway.id,
      legs: [
        {
          destination: `${gateway.id}, port ${port}`,
          cluster: undefined,
          share: 100,
          because: "nobody of the mesh dials",
          arrivals: own,
          next: hop,
          broken: undefined,
        },
      ],
    },
    outcome: worstOf([...own.map(({ outcome }) => outcome), outcomeOf(hop)]),
    notes: [...assumed, ...notes],
  };
}

function serverNotes(server: GatewayServer | undefined): string[] {
  switch (server?.tls) {
    case undefined:
    case "PASSTHROUGH":
      return [];
    default:
      return [
        `the gateway ends TLS (${server?.tls}): whether the client's certificate and server name fit is not judged`,
      ];
  }
}
