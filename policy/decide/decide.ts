import { type Address, type Block, blockHolds, parseAddress } from "./address.ts";
import type { Connection, Person } from "./connection.ts";
import { agentKey, groupKey, namespaceKey, namespaceOfPath, roleKey, splitSpiffeId, userKey } from "./key.ts";
import type { CompiledRule, DecisionTable, PortTable, RuleIndex } from "./table.ts";
import type { Reason, Verdict } from "./verdict.ts";

/** One party that the connection asserts, with the keys under which rules may name it. */
interface Link {
  readonly keys: readonly string[];
  /** Only the transport link can be admitted by its address. */
  readonly byAddress: boolean;
  readonly missing: Reason;
}

/**
 * The reference verdict, which every target is compared with.
 *
 * Default deny; an explicit deny of any link wins; otherwise every asserted link (workload, person, agent) needs an
 * allow of its own, so that a chain never reaches more than its weakest member.
 *
 * @param instant - epoch milliseconds; the core has no clock.
 */
export function decide(table: DecisionTable, connection: Connection, instant: number): Verdict {
  const service = table.services.get(connection.service);
  if (!service) return denied("unknown-service");
  const port = service.ports.get(connection.port)?.[connection.via];
  if (!port) return denied("unknown-port");
  const { workload, agent } = connection.principal;
  if (connection.via === "mesh" && workload === undefined && service.service.strict !== false)
    return denied("plaintext");

  const person =
    agent === undefined ? connection.principal.person : personBehind(table, connection, agent, instant);
  if (person === "not-valid") return denied("agent-not-valid");

  const facts: Facts = {
    instant,
    address: connection.sourceIp === undefined ? undefined : parseAddress(connection.sourceIp),
    sni: connection.sni?.toLowerCase().replace(/\.$/, ""),
  };
  const links = linksOf(table, connection, person);
  for (const link of links) {
    const rule = match(port.deny, link.keys, true, facts);
    if (rule)
      return {
        ...denied("denied-by-rule"),
        rule: rule.rule.id,
        rules: [rule.rule.id],
        position: rule.rule.origin,
      };
  }
  return allowEveryLink(port, links, facts);
}

function allowEveryLink(port: PortTable, links: readonly Link[], facts: Facts): Verdict {
  const rules: CompiledRule[] = [];
  for (const link of links) {
    const rule = match(port.allow, link.keys, link.byAddress, facts);
    if (!rule) return denied(link.missing);
    rules.push(rule);
  }
  const last = rules.at(-1);
  if (!last) return denied("no-grant-for-workload");
  return {
    verdict: "allow",
    reason: "allowed",
    rule: last.rule.id,
    rules: rules.map((rule) => rule.rule.id),
    position: last.rule.origin,
  };
}

function denied(reason: Reason): Verdict {
  return { verdict: "deny", reason, rule: null, rules: [] };
}

/** The person an agent acts for, checked against whom it may act for. */
function personBehind(
  table: DecisionTable,
  connection: Connection,
  name: string,
  instant: number,
): Person | "not-valid" {
  const known = table.agents.get(name);
  if (!known || known.agent.suspended === true || !(instant < known.expires)) return "not-valid";
  const { onBehalfOf, onBehalfOfUser } = known.agent;
  const asserted = connection.principal.person;
  if (!asserted) return onBehalfOfUser === undefined ? "not-valid" : { user: onBehalfOfUser };
  const allowed =
    (asserted.user !== undefined && onBehalfOf.users.includes(asserted.user)) ||
    (asserted.groups ?? []).some((group) => onBehalfOf.idpGroups.includes(group));
  return allowed ? asserted : "not-valid";
}

/** The links from the outermost (the transport) to the innermost (the agent). */
function linksOf(table: DecisionTable, connection: Connection, person: Person | undefined): Link[] {
  const { workload, agent } = connection.principal;
  const links: Link[] = [];
  const agentIsPeer = agent !== undefined && workload !== undefined && isAgentItself(table, agent, workload);
  // Without any identity the address alone speaks; with one, every asserted identity must.
  if ((workload !== undefined && !agentIsPeer) || (person === undefined && agent === undefined)) {
    links.push({ keys: workloadKeys(table, workload), byAddress: true, missing: "no-grant-for-workload" });
  }
  if (person) links.push({ keys: personKeys(person), byAddress: false, missing: "no-grant-for-person" });
  if (agent !== undefined) {
    links.push({ keys: [agentKey(agent)], byAddress: false, missing: "no-grant-for-agent" });
  }
  return links;
}

function isAgentItself(table: DecisionTable, agent: string, workload: string): boolean {
  const canonical = canonicalId(table, workload);
  return table.agents.get(agent)?.agent.workloads.includes(canonical) ?? false;
}

/** An identity of an alias trust domain counts as the same identity of the real one. */
function canonicalId(table: DecisionTable, id: string): string {
  const parts = splitSpiffeId(id);
  return parts && table.aliases.has(parts.trustDomain) ? `spiffe://${table.trustDomain}${parts.path}` : id;
}

function workloadKeys(table: DecisionTable, workload: string | undefined): string[] {
  if (workload === undefined) return [];
  const id = canonicalId(table, workload);
  const parts = splitSpiffeId(id);
  if (!parts) return [];
  const namespace = namespaceOfPath(parts.path);
  return namespace === undefined ? [id] : [id, namespaceKey(parts.trustDomain, namespace)];
}

function personKeys(person: Person): string[] {
  return [
    ...(person.user === undefined ? [] : [userKey(person.user)]),
    ...(person.awsRole === undefined ? [] : [roleKey(person.awsRole)]),
    ...(person.groups ?? []).map(groupKey),
  ];
}

interface Facts {
  readonly instant: number;
  readonly address: Address | undefined;
  readonly sni: string | undefined;
}

/** The first rule in the order of the policy that names one of the keys, or holds the address, and whose conditions hold. */
function match(
  index: RuleIndex,
  keys: readonly string[],
  byAddress: boolean,
  facts: Facts,
): CompiledRule | undefined {
  for (const key of keys) {
    for (const rule of index.byKey.get(key) ?? []) if (conditionsHold(rule, facts)) return rule;
  }
  if (!byAddress) return undefined;
  for (const { block, rule } of index.byBlock) {
    if (addressIn([block], rule, facts.address) && conditionsHold(rule, facts)) return rule;
  }
  return undefined;
}

/** An address that nobody knows fails closed: it is in no block that allows and in every block that denies. */
function addressIn(blocks: readonly Block[], rule: CompiledRule, address: Address | undefined): boolean {
  if (address === undefined) return rule.rule.action === "deny";
  return blocks.some((block) => blockHolds(block, address));
}

function conditionsHold(rule: CompiledRule, facts: Facts): boolean {
  // Worded so that an instant that is no number is inside of no rule's time: then nothing allows.
  if (!(facts.instant >= rule.notBefore && facts.instant < rule.expires)) return false;
  if (rule.sourceBlocks && !addressIn(rule.sourceBlocks, rule, facts.address)) return false;
  const { sni } = facts;
  return !rule.sni || (sni !== undefined && rule.sni.some((pattern) => matchesServerName(pattern, sni)));
}

/** A leading `*.` stands for one or more labels, as in Istio's SNI match. */
function matchesServerName(pattern: string, name: string): boolean {
  return pattern.startsWith("*.")
    ? name.length > pattern.length - 1 && name.endsWith(pattern.slice(1))
    : pattern === name;
}
