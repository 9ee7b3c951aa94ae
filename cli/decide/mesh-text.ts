import { formatPosition } from "../../policy/finding.ts";
import type { Arrival, Hop, Leg, Outcome, Routed, RoutingWorld } from "../../policy/istio/routing/index.ts";

interface Asked {
  readonly from: string;
  readonly to: string;
}

/** An answer for a person: the way of the connection from top to bottom, and what was not judged at the end. */
export function routedText(
  world: RoutingWorld,
  { from, to }: Asked,
  outcome: Outcome,
  routed: readonly Routed[],
): string {
  const lines = [`${outcome}: ${from} → ${to}`];
  for (const { address, port, hop, notes } of routed) {
    if (routed.length > 1) lines.push("", `at ${address}`);
    else lines.push(`  dials    ${address}, port ${port}`);
    lines.push(...hopLines(world, hop, "  "));
    const more = new Set([...notes, ...notesOf(hop)]);
    for (const note of more) lines.push(`  note: ${note}`);
  }
  return `${lines.join("\n")}\n`;
}

function hopLines(world: RoutingWorld, hop: Hop, indent: string): string[] {
  const made = hop.listenerOf === undefined ? "" : `, made for ${located(world, hop.listenerOf)}`;
  return [
    `${indent}through  the ${hop.proxy}`,
    `${indent}listener ${hop.listener}${made}`,
    `${indent}route    ${hop.routeObject === hop.route ? located(world, hop.route) : hop.route}`,
    ...(hop.notJudged === undefined ? [] : [`${indent}to       ${hop.notJudged}`]),
    ...hop.legs.flatMap((leg) => legLines(world, leg, hop.legs.length > 1, indent)),
  ];
}

function legLines(world: RoutingWorld, leg: Leg, several: boolean, indent: string): string[] {
  const share = several ? `${leg.share}% ` : "";
  const lines = [`${indent}to       ${share}${leg.destination}`];
  if (leg.broken !== undefined) return [...lines, `${indent}  fails: ${leg.broken}`];
  const shown = alike(leg.arrivals);
  for (const { arrival, count } of shown)
    lines.push(...arrivalLines(world, arrival, leg.because, count, `${indent}  `));
  if (leg.next !== undefined) lines.push(...hopLines(world, leg.next, `${indent}    `));
  return lines;
}

/** Pods of one workload to which the same happens are told once. */
function alike(arrivals: readonly Arrival[]): { arrival: Arrival; count: number }[] {
  const groups = new Map<string, { arrival: Arrival; count: number }>();
  for (const arrival of arrivals) {
    const { address: _address, ...rest } = arrival;
    const key = JSON.stringify(rest);
    const group = groups.get(key) ?? { arrival, count: 0 };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  return [...groups.values()];
}

function arrivalLines(
  world: RoutingWorld,
  arrival: Arrival,
  because: string,
  count: number,
  indent: string,
): string[] {
  const { workload, port, wire, accepts, outcome, reason, by, principal } = arrival;
  const pods = count > 1 ? ` (${count} endpoints)` : "";
  const policy = by === null ? undefined : policyLocation(world, by.policy);
  const who = principal === null ? "nobody proven" : principal;
  return [
    `${indent}${workload} port ${port}${pods}`,
    `${indent}  sent     ${wireText(wire)}: ${because}`,
    `${indent}  accepts  ${accepts}; client: ${who}`,
    `${indent}  ${outcome.padEnd(8)} ${reason}${policy === undefined ? "" : ` (${policy})`}`,
  ];
}

function wireText(wire: Arrival["wire"]): string {
  switch (wire) {
    case "plaintext":
      return "as the application sends it";
    case "ISTIO_MUTUAL":
      return "Istio's mTLS";
    case "HBONE":
      return "Istio's mTLS (HBONE)";
    case "SIMPLE":
      return "TLS without a client certificate";
    case "MUTUAL":
      return "TLS with a certificate of its own";
  }
}

function notesOf(hop: Hop): string[] {
  return hop.legs.flatMap(({ arrivals, next }) => [
    ...arrivals.flatMap(({ notes }) => notes),
    ...(next === undefined ? [] : notesOf(next)),
  ]);
}

/** `VirtualService shop/db (mesh.yaml:3:1)`. */
function located({ mesh, services, virtualServices, gateways }: RoutingWorld, id: string): string {
  const name = id.replace(/,.*$/, "");
  const found = [...services, ...virtualServices, ...gateways].find((one) => one.id === name);
  const at = found && mesh.locate(found.path);
  return at === undefined ? id : `${id} (${formatPosition(at)})`;
}

function policyLocation({ mesh }: RoutingWorld, name: string): string | undefined {
  const path =
    mesh.policyPaths.get(`AuthorizationPolicy ${name}`) ?? mesh.policyPaths.get(`PeerAuthentication ${name}`);
  const at = path && mesh.locate(path);
  return at === undefined ? undefined : formatPosition(at);
}
