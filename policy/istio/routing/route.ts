import ipaddr from "ipaddr.js";
import { planeAt } from "./arrive.ts";
import { pastSidecar } from "./bypass.ts";
import { routeDirectly } from "./direct-route.ts";
import type { Sender } from "./judge.ts";
import type { FirstBytes } from "./match.ts";
import { outcomeOf } from "./outcome.ts";
import { isOutside, resolveName } from "./resolve.ts";
import { type SidecarView, sidecarView } from "./select-target.ts";
import { routeFromSidecar } from "./sidecar-route.ts";
import type { Routed, RouteQuestion } from "./types.ts";
import type { Pod, Registered, RoutingWorld } from "./world.ts";

/**
 * What becomes of one TCP connection in a mesh: the listener at the client that takes it, the route and destinations, what
 * is on the wire, and the verdict at the other end. Of several addresses that a name has, each is an answer.
 *
 * What the objects do not tell is a note, and never a guess in silence.
 */
export function routeConnection(world: RoutingWorld, question: RouteQuestion): readonly Routed[] {
  const { from, to, port, sourceIp } = question;
  const plane = question.dataPlane ?? planeAt(world, from);
  const view = plane === "sidecar" ? viewOf(world, from) : undefined;
  const resolved = resolveName(world, from.namespace, to, port, view?.scope);
  const { first, assumed } = question.first
    ? { first: question.first, assumed: [] }
    : firstBytes(resolved.service, to, port);
  const sender: Sender = {
    pod: from,
    plane,
    ip: sourceIp ?? world.addressOf.get(from),
    sni: first.type === "tls" ? first.sni : undefined,
  };
  return resolved.addresses.map((address): Routed => {
    const past = view === undefined ? undefined : pastSidecar(from, address, port);
    const isDirect = view === undefined || past !== undefined;
    const { hop, notes } = isDirect
      ? routeDirectly(world, past === undefined ? sender : { ...sender, plane: "none" }, address, port)
      : routeFromSidecar(world, view, sender, { address, port, first, host: resolved.service?.host });
    const more = [...resolved.notes, ...assumed, ...notes];
    if (past !== undefined) more.push(`${past} keeps the connection from the sidecar`);
    if (plane === "sidecar" && isUncertain(resolved.service?.id, address)) {
      more.push(
        "which listener takes it depends on the address: give the address instead of the name to be sure",
      );
    }
    return { dataPlane: plane, address, port, hop, outcome: outcomeOf(hop), notes: [...new Set(more)] };
  });
}

/** What a client of the port sends, where nobody says: what its protocol is. */
function firstBytes(
  service: Registered | undefined,
  to: string,
  port: number,
): { first: FirstBytes; assumed: readonly string[] } {
  const protocol = service?.ports.find(({ number }) => number === port)?.protocol;
  switch (protocol) {
    case "http":
      return { first: { type: "http" }, assumed: ["the client is taken to speak HTTP, as the port says"] };
    case "tls":
      return ipaddr.isValid(to)
        ? { first: { type: "tls" }, assumed: ["the client is taken to speak TLS without a server name"] }
        : {
            first: { type: "tls", sni: to },
            assumed: [`the client is taken to speak TLS with the server name ${to}`],
          };
    default:
      return { first: { type: "tcp" }, assumed: [] };
  }
}

/** Listeners of a client do not change between its connections. */
const views = new WeakMap<RoutingWorld, Map<Pod, SidecarView>>();

function viewOf(world: RoutingWorld, pod: Pod): SidecarView {
  const known = views.get(world) ?? new Map<Pod, SidecarView>();
  views.set(world, known);
  const view = known.get(pod) ?? sidecarView(world, pod);
  known.set(pod, view);
  return view;
}

function isUncertain(service: string | undefined, address: string): boolean {
  return service !== undefined && isOutside(address);
}
