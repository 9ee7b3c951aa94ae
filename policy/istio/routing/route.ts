import { planeAt, type Sender } from "./arrive.ts";
import { pastSidecar } from "./bypass.ts";
import { routeDirectly } from "./direct-route.ts";
import type { FirstBytes } from "./match.ts";
import { isOutside, resolveName } from "./resolve.ts";
import { routeFromSidecar, type SidecarView, sidecarView } from "./sidecar-route.ts";
import type { Arrival, Hop, Leg, Outcome, Routed, RouteQuestion } from "./types.ts";
import type { Pod, RoutingWorld } from "./world.ts";

const TCP: FirstBytes = { type: "tcp" };

/**
 * What becomes of one TCP connection in a mesh: the listener at the client that takes it, the route and destinations, what
 * is on the wire, and the verdict at the other end. Of several addresses that a name has, each is an answer.
 *
 * What the objects do not tell is a note, and never a guess in silence.
 */
export function routeConnection(world: RoutingWorld, question: RouteQuestion): readonly Routed[] {
  const { from, to, port, first = TCP, sourceIp } = question;
  const plane = question.dataPlane ?? planeAt(world, from);
  const view = plane === "sidecar" ? viewOf(world, from) : undefined;
  const resolved = resolveName(world, from.namespace, to, port, view?.scope);
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
      : routeFromSidecar(world, view, sender, address, port, first);
    const more = [...resolved.notes, ...notes];
    if (past !== undefined) more.push(`${past} keeps the connection from the sidecar`);
    if (plane === "sidecar" && isUncertain(resolved.service?.id, address)) {
      more.push(
        "which listener takes it depends on the address: give the address instead of the name to be sure",
      );
    }
    return { dataPlane: plane, address, port, hop, outcome: outcomeOf(hop), notes: [...new Set(more)] };
  });
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

/** Every arrival of a hop, those behind gateways too. */
export function arrivalsOf(hop: Hop): readonly Arrival[] {
  return hop.legs.flatMap(({ arrivals, next }) => [
    ...arrivals,
    ...(next === undefined ? [] : arrivalsOf(next)),
  ]);
}

const WORST: readonly Outcome[] = ["fails", "deny", "not judged", "allow"];

/** The worst of all that may happen: with several destinations, a connection may take any of them. */
function outcomeOf(hop: Hop): Outcome {
  const all = hop.legs.flatMap((leg) => legOutcomes(leg));
  if (all.length === 0) return "fails";
  return WORST.find((outcome) => all.includes(outcome)) ?? "not judged";
}

function legOutcomes({ broken, arrivals, next }: Leg): Outcome[] {
  if (broken !== undefined) return ["fails"];
  return [...arrivals.map(({ outcome }) => outcome), ...(next === undefined ? [] : [outcomeOf(next)])];
}
