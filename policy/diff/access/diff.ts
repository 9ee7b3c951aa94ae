import { compareText } from "../../finding.ts";
import { canonical, numberLine } from "../../sets/ranges.ts";
import { type AccessChange, type AccessDiff, distinctCauses, type Risk } from "../change.ts";
import { byRisk, isProduction, RISKS } from "../risk.ts";
import { compareParty, type Difference } from "./compare.ts";
import { ObjectChanges } from "./objects.ts";
import { ANYONE, type Party, PLAINTEXT, PortRules } from "./party.ts";
import { namespaceName } from "./rule.ts";
import { type AccessSide, IndexedSide } from "./side.ts";
import { destinationChanges, serviceAccounts, trustChanges, waiverNotes } from "./surroundings.ts";

/** How {@link diffAccess} compares. */
export interface AccessDiffOptions {
  /** Epoch milliseconds; what was open only before it is no access. */
  readonly now: number;
  /**
   * One row for each pair of somebody and a port; workloads that a namespace's rule means are told one by one.
   * @default false
   */
  readonly expand?: boolean;
}

/** The difference in access between two policy sets, or the access tables that they come to. */
export function diffAccess(before: AccessSide, after: AccessSide, options: AccessDiffOptions): AccessDiff {
  const [apart, note] = serviceAccounts(before, after);
  const [old, now] = [new IndexedSide(apart.before), new IndexedSide(apart.after)];
  const objects = new ObjectChanges(old, now);
  const changes: AccessChange[] = [];
  const services = [...new Set([...old.services, ...now.services])].sort(compareText);
  for (const service of services) {
    if (old.signature(service) === now.signature(service) && !agentsDiffer(old, now, service)) continue;
    changes.push(...serviceChanges(service, old, now, objects, options));
  }
  changes.push(...destinationChanges(old, now, objects), ...trustChanges(old, now, objects));
  return {
    changes: changes.sort(byRisk),
    objects: objects.all,
    notes: [
      ...note,
      ...waiverNotes(old, now, objects),
      ...objects.renames.map(({ from, to }) => `${from} is now called ${to}`),
    ],
  };
}

/** The rules that name an agent may be the same, and the agent another. */
function agentsDiffer(old: IndexedSide, now: IndexedSide, service: string): boolean {
  return now
    .rows(service)
    .some(
      ({ fromKind, from }) =>
        fromKind === "agent" &&
        old.agentTerms(from.slice("agent:".length)) !== now.agentTerms(from.slice("agent:".length)),
    );
}

interface AtPort {
  readonly port: number;
  readonly difference: Difference;
  readonly because: ReturnType<ObjectChanges["behind"]>;
}

function serviceChanges(
  service: string,
  old: IndexedSide,
  now: IndexedSide,
  objects: ObjectChanges,
  { now: instant, expand = false }: AccessDiffOptions,
): AccessChange[] {
  const [rulesBefore, rulesAfter] = [old.rules(service), now.rules(service)];
  const found: AtPort[] = [];
  for (const port of new Set([...rulesBefore.keys(), ...rulesAfter.keys()])) {
    const [a, b] = [
      new PortRules(old, service, rulesBefore.get(port) ?? []),
      new PortRules(now, service, rulesAfter.get(port) ?? []),
    ];
    for (const party of partiesOf(a, b, expand ? [old, now] : [])) {
      for (const difference of compareParty(party, a, b, instant, expand)) {
        const because = objects.behind(difference.rulesBefore, difference.rulesAfter);
        found.push({ port, difference, because });
      }
    }
  }
  // What differs in nothing but the port is one row.
  const rows = Map.groupBy(found, ({ port, difference, because }) =>
    JSON.stringify([
      expand ? port : 0,
      difference.party.kind,
      difference.from,
      difference.before,
      difference.after,
      because.map(({ object }) => object),
    ]),
  );
  return [...rows.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const ports = portsText(group.map(({ port }) => port));
    const because = distinctCauses(group.flatMap(({ because }) => because));
    return [row(service, ports, first.difference, because, old, now, expand)];
  });
}

function partiesOf(a: PortRules, b: PortRules, sides: readonly IndexedSide[]): Party[] {
  const parties = new Map(
    [...a.parties(), ...b.parties()].map((party) => [`${party.kind} ${party.name}`, party]),
  );
  if (parties.has(`${ANYONE.kind} ${ANYONE.name}`)) parties.set(PLAINTEXT.name, PLAINTEXT);
  for (const { side } of sides) {
    for (const name of side.model?.workloads.keys() ?? []) {
      const namespace = namespaceName(name);
      if (parties.has(`namespace ${namespace}`)) parties.set(`workload ${name}`, { kind: "workload", name });
    }
  }
  return [...parties.values()];
}

function row(
  service: string,
  ports: string,
  difference: Difference,
  because: AccessChange["because"],
  old: IndexedSide,
  now: IndexedSide,
  expand: boolean,
): AccessChange {
  const { before, after, via, widens, party, from } = difference;
  return {
    change: before.length === 0 ? "gained" : after.length === 0 ? "lost" : "changed",
    from,
    fromKind: party.kind,
    to: expand ? `${service}:${ports}` : service,
    ports,
    via,
    before,
    after,
    widens,
    because,
    targets: via.map((point) => carrier(point)),
    owner: now.owner(service) ?? old.owner(service),
    risks: risksOf(difference, { ...old.labels(service), ...now.labels(service) }),
  };
}

/** The object in which an enforcement point finds the rule. */
function carrier(point: string): string {
  switch (point) {
    case "proxy":
      return "proxy configuration";
    case "egress gateway":
      return "AuthorizationPolicy of the egress gateway";
    default:
      return `AuthorizationPolicy and NetworkPolicy of the service (${point})`;
  }
}

function risksOf(
  { party, from, before, widens, denyRemoved }: Difference,
  labels: Readonly<Record<string, string>>,
): Risk[] {
  if (!widens) return [];
  const found = new Set<Risk>();
  const isNew = before.length === 0;
  if (denyRemoved) found.add("deny removed");
  if (isProduction(labels)) found.add("production");
  switch (party.kind) {
    case "agent":
      if (isNew) found.add("new agent access");
      break;
    case "user":
    case "idpGroup":
    case "awsRole":
      if (isNew) found.add("new human access");
      break;
    case "cidr":
    case "plaintext":
    case "external":
      found.add("wider addresses");
      if (isInternet(from)) found.add("internet-facing");
      break;
    case "workload":
    case "namespace":
    case "everyone":
      break;
  }
  return RISKS.filter((risk) => found.has(risk));
}

/** A block that is not within the private ranges (RFC 1918, RFC 4193, RFC 6598, loopback and link-local). */
function isInternet(block: string): boolean {
  return (
    !/^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd]|fe80|::1)/.test(
      block,
    ) || /^[^/]+\/[0-7](\D|$)/.test(block)
  );
}

const LINE = numberLine(1, 65535);

/** `5432,6000-6010`. */
function portsText(ports: readonly number[]): string {
  return canonical(
    LINE,
    ports.map((port) => ({ low: port, high: port })),
  )
    .map(({ low, high }) => (low === high ? `${low}` : `${low}-${high}`))
    .join();
}
