import type { Subjects } from "../decide/rule.ts";
import { compareText } from "../finding.ts";
import type { Sourced } from "../load/source.ts";
import { canonicalJson, sortedSet } from "./canonical.ts";
import { machineVia } from "./machine-via.ts";
import type { Report } from "./report.ts";
import type { Agent, Group, Rule, Service, Trust, Workload } from "./types.ts";

/** What grants refer to. */
export interface RuleWorld {
  readonly trust: Trust;
  readonly services: ReadonlyMap<string, Service>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly proxySpiffeId: string;
}

const NOBODY: Subjects = {
  workloads: [],
  namespaces: [],
  cidrs: [],
  users: [],
  idpGroups: [],
  awsRoles: [],
  agents: [],
};

/**
 * The enforceable rules of one grant.
 *
 * Machines (workloads, namespaces, addresses) can be judged by the mesh; people, roles and agents, and every
 * condition a mesh cannot check, only by the proxy. A grant of both kinds becomes a rule for each. What was asked for
 * explicitly and cannot be enforced is an error, never silently dropped or widened.
 */
export function rulesOfGrant(source: Sourced<"Grant">, world: RuleWorld, report: Report): Rule[] {
  const { metadata, spec } = source.document;
  const service = world.services.get(spec.to.service);
  if (!service) return [];
  const { machines, people, agents } = subjectsOf(source, world);
  const via = machineVia(source, service, report);
  if (spec.action === "deny" && spec.limits) {
    report.error(
      "PR403",
      source,
      ["spec", "limits"],
      "a deny has no limits",
      "remove `limits`, or make it an allow",
    );
  }
  if (spec.via === "mesh" && (count(people) > 0 || agents.length > 0)) {
    const who = [
      ...people.idpGroups,
      ...people.users,
      ...people.awsRoles,
      ...agents.map((agent) => `agent ${agent.name}`),
    ].join(", ");
    report.error(
      "PR401",
      source,
      ["spec", "via"],
      `\`via: mesh\` cannot be enforced for ${who}: the mesh sees workload identities only, so nobody of them would get through`,
      "use `via: proxy`, `via: both`, or leave `via` out",
    );
  }
  const base = {
    id: metadata.name,
    action: spec.action,
    service: service.name,
    ports: sortedSet(spec.to.ports ?? service.ports.map((port) => port.port)),
    source: "grant",
    ...(spec.to.users && { loginUsers: spec.to.users }),
    limits: spec.limits,
    audit: spec.audit,
    origin: source.position,
  } as const;
  const when = {
    ...(spec.when?.notBefore !== undefined && { notBefore: spec.when.notBefore }),
    ...(spec.when?.expires !== undefined && { expires: spec.when.expires }),
    ...(spec.when?.sourceCidrs && { sourceCidrs: sortedSet(spec.when.sourceCidrs) }),
    ...(spec.when?.sni && { sni: sortedSet(spec.when.sni.map((name) => name.toLowerCase())) }),
  };
  const rules: Rule[] = [];
  const toProxy: Subjects[] = [];
  if (count(machines) > 0) {
    if (via.length === 1 && via[0] === "proxy") toProxy.push(machines);
    else rules.push({ ...base, via, subjects: machines, when });
  }
  if (count(people) > 0) toProxy.push(people);
  if (toProxy.length > 0) rules.push({ ...base, via: ["proxy"], subjects: merge(toProxy), when });
  rules.push(...agentRules(agents, { ...base, via: ["proxy"], when }));
  return rules;
}

/**
 * An agent's access ends with the agent, never reaches a service that the agent does not list, and is none while it is
 * suspended: then access tables and diffs show that it lost it. Denies stay.
 */
function agentRules(agents: readonly Agent[], base: Omit<Rule, "subjects">): Rule[] {
  const byEnd = new Map<string, string[]>();
  for (const agent of agents) {
    if (!agent.spec.services.includes(base.service)) continue;
    if (agent.spec.suspended && base.action === "allow") continue;
    const end =
      base.action === "deny" ? (base.when.expires ?? "") : earlier(base.when.expires, agent.spec.expires);
    byEnd.set(end, [...(byEnd.get(end) ?? []), agent.name]);
  }
  return [...byEnd]
    .sort(([a], [b]) => compareText(a, b))
    .map(([expires, names]) => ({
      ...base,
      subjects: { ...NOBODY, agents: sortedSet(names) },
      when: { ...base.when, ...(expires !== "" && { expires }) },
    }));
}

function earlier(a: string | undefined, b: string): string {
  return a === undefined || Date.parse(b) < Date.parse(a) ? b : a;
}

function count(subjects: Subjects): number {
  return Object.values(subjects).reduce((total, list) => total + list.length, 0);
}

function merge(all: readonly Subjects[]): Subjects {
  const [first = NOBODY, ...rest] = all;
  return rest.reduce<Subjects>(
    (sum, next) => ({
      workloads: [...sum.workloads, ...next.workloads],
      namespaces: [...sum.namespaces, ...next.namespaces],
      cidrs: [...sum.cidrs, ...next.cidrs],
      users: [...sum.users, ...next.users],
      idpGroups: [...sum.idpGroups, ...next.idpGroups],
      awsRoles: [...sum.awsRoles, ...next.awsRoles],
      agents: [...sum.agents, ...next.agents],
    }),
    first,
  );
}

function subjectsOf(
  source: Sourced<"Grant">,
  world: RuleWorld,
): { machines: Subjects; people: Subjects; agents: Agent[] } {
  const { from } = source.document.spec;
  const groups = from.groups.flatMap((name) => world.groups.get(name) ?? []);
  const workloads = [...from.workloads, ...groups.flatMap((group) => group.workloads)];
  const agents = [...from.agents, ...groups.flatMap((group) => group.agents)];
  const { trustDomain } = world.trust.spec;
  return {
    machines: {
      ...NOBODY,
      workloads: sortedSet(workloads.flatMap((id) => world.workloads.get(id)?.spiffeId ?? [])),
      namespaces: sortedSet(from.namespaces).map((namespace) => ({ trustDomain, namespace })),
      cidrs: sortedSet(from.cidrs),
    },
    people: {
      ...NOBODY,
      users: sortedSet(groups.flatMap((group) => group.users)),
      idpGroups: sortedSet(groups.flatMap((group) => group.idpGroups)),
      awsRoles: sortedSet(groups.flatMap((group) => group.awsRoles)),
    },
    agents: sortedSet(agents).flatMap((name) => world.agents.get(name) ?? []),
  };
}

/**
 * For an in-mesh service that grants open through the proxy, the mesh must let the proxy itself through, and only it:
 * whoever is behind the proxy was judged there.
 */
export function admissionRules(rules: readonly Rule[], world: RuleWorld): Rule[] {
  const ports = new Map<string, Set<number>>();
  for (const rule of rules) {
    if (rule.action !== "allow" || !rule.via.includes("proxy")) continue;
    if (world.services.get(rule.service)?.enforcement === "proxy") continue;
    const open = ports.get(rule.service) ?? new Set();
    for (const port of rule.ports) open.add(port);
    ports.set(rule.service, open);
  }
  return [...ports].map(([service, open]) => ({
    id: `admit-proxy-${service}`,
    action: "allow",
    service,
    ports: sortedSet(open),
    via: ["mesh"],
    subjects: { ...NOBODY, workloads: [world.proxySpiffeId] },
    when: {},
    source: "admission",
    limits: undefined,
    audit: "standard",
    origin: world.services.get(service)?.position,
  }));
}

/** Stable order: by service, then id, then content. */
export function sortRules(rules: readonly Rule[]): Rule[] {
  return [...rules].sort(
    (a, b) =>
      compareText(a.service, b.service) ||
      compareText(a.id, b.id) ||
      compareText(canonicalJson(withoutOrigin(a)), canonicalJson(withoutOrigin(b))),
  );
}

function withoutOrigin({ origin: _, ...rule }: Rule): Omit<Rule, "origin"> {
  return rule;
}
