import { type Block, parseBlock } from "./address.ts";
import { agentKey, groupKey, namespaceKey, roleKey, userKey } from "./key.ts";
import type { DecisionAgent, DecisionRule, DecisionService, Via } from "./rule.ts";

/** A rule made ready for matching. */
export interface CompiledRule {
  readonly rule: DecisionRule;
  readonly notBefore: number;
  readonly expires: number;
  readonly sourceBlocks: readonly Block[] | undefined;
  readonly sni: readonly string[] | undefined;
}

/** The rules of one action at one port and enforcement point, found by identity without a scan. */
export interface RuleIndex {
  /** By identity key; see key.ts. */
  readonly byKey: Map<string, CompiledRule[]>;
  /** Rules that name address blocks. */
  readonly byBlock: { readonly block: Block; readonly rule: CompiledRule }[];
}

/** What may happen at one port of one service through one enforcement point. */
export interface PortTable {
  readonly allow: RuleIndex;
  readonly deny: RuleIndex;
}

interface ServiceTable {
  readonly service: DecisionService;
  readonly ports: ReadonlyMap<number, Readonly<Record<Via, PortTable>>>;
}

interface CompiledAgent {
  readonly agent: DecisionAgent;
  readonly expires: number;
}

/** Everything deciding needs, indexed: service, port, enforcement point, identity. Built once for a policy. */
export interface DecisionTable {
  /** The estate's trust domain. */
  readonly trustDomain: string;
  /** Former trust domains whose identities count as the real one. */
  readonly aliases: ReadonlySet<string>;
  /** By name. */
  readonly services: ReadonlyMap<string, ServiceTable>;
  /** By name. */
  readonly agents: ReadonlyMap<string, CompiledAgent>;
}

/** Input of {@link buildTable}: a policy model, or the proxy's configuration. */
export interface TableInput {
  /** The estate's trust domain. */
  readonly trustDomain: string;
  /** Former trust domains whose identities count as the real one. */
  readonly trustDomainAliases: readonly string[];
  /** All services; a rule for another one is passed over. */
  readonly services: Iterable<DecisionService>;
  /** In any order. */
  readonly rules: Iterable<DecisionRule>;
  /** In any order. */
  readonly agents: Iterable<DecisionAgent>;
}

const emptyIndex = (): RuleIndex => ({ byKey: new Map(), byBlock: [] });
const emptyPort = (): PortTable => ({ allow: emptyIndex(), deny: emptyIndex() });

/** Builds the index. Throws a `TypeError` on an unreadable address block or instant: both are checked long before. */
export function buildTable(input: TableInput): DecisionTable {
  const services = new Map<string, ServiceTable>();
  for (const service of input.services) {
    const ports = new Map(service.ports.map((port) => [port, { mesh: emptyPort(), proxy: emptyPort() }]));
    services.set(service.name, { service, ports });
  }
  for (const rule of input.rules) {
    const table = services.get(rule.service);
    if (!table) continue;
    const compiled = compileRule(rule);
    for (const port of rule.ports ?? table.service.ports) {
      const at = table.ports.get(port);
      if (!at) continue;
      for (const via of new Set(rule.via)) addRule(at[via][rule.action], compiled);
    }
  }
  const agents = new Map<string, CompiledAgent>();
  for (const agent of input.agents) {
    agents.set(agent.name, { agent, expires: epoch(agent.expires, Number.POSITIVE_INFINITY) });
  }
  return { trustDomain: input.trustDomain, aliases: new Set(input.trustDomainAliases), services, agents };
}

function compileRule(rule: DecisionRule): CompiledRule {
  return {
    rule,
    notBefore: epoch(rule.when.notBefore, Number.NEGATIVE_INFINITY),
    expires: epoch(rule.when.expires, Number.POSITIVE_INFINITY),
    sourceBlocks: rule.when.sourceCidrs?.map(mustParseBlock),
    sni: rule.when.sni?.map((name) => name.toLowerCase()),
  };
}

function addRule(index: RuleIndex, compiled: CompiledRule): void {
  const { subjects } = compiled.rule;
  const keys = [
    ...subjects.workloads,
    ...subjects.namespaces.map(({ trustDomain, namespace }) => namespaceKey(trustDomain, namespace)),
    ...subjects.users.map(userKey),
    ...subjects.idpGroups.map(groupKey),
    ...subjects.awsRoles.map(roleKey),
    ...subjects.agents.map(agentKey),
  ];
  for (const key of new Set(keys)) {
    const rules = index.byKey.get(key);
    if (rules) rules.push(compiled);
    else index.byKey.set(key, [compiled]);
  }
  for (const cidr of subjects.cidrs) index.byBlock.push({ block: mustParseBlock(cidr), rule: compiled });
}

function mustParseBlock(cidr: string): Block {
  const block = parseBlock(cidr);
  if (!block) throw new TypeError(`not an address block: ${cidr}`);
  return block;
}

function epoch(value: string | number | undefined, absent: number): number {
  if (value === undefined) return absent;
  const time = typeof value === "number" ? value : Date.parse(value);
  if (Number.isNaN(time)) throw new TypeError(`not an instant: ${value}`);
  return time;
}
