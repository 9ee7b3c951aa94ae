import type { Via } from "../decide/rule.ts";
import type { Model, Rule } from "../model/types.ts";
import {
  type AddressSet,
  NO_ADDRESSES,
  parseCidr,
  subtractAddresses,
  unionAddresses,
} from "../sets/addresses.ts";

/** Who gets through to one port of one service, as far as it can be said without looking at a single connection. */
export interface Admitted {
  /** SPIFFE IDs. */
  readonly workloads: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  /** Source addresses, whoever it is. */
  readonly addresses: AddressSet;
  /** Names of agents. */
  readonly agents: ReadonlySet<string>;
  /** True when people or AWS roles are let through: they may come from anywhere. */
  readonly people: boolean;
  /** True for a SPIFFE ID that a deny refuses whatever its connection is like, its address included. */
  readonly refuses: (spiffeId: string) => boolean;
}

/** The rules of each service. Looking them up once keeps compiling linear in the number of grants. */
export function rulesByService(model: Model): ReadonlyMap<string, readonly Rule[]> {
  const byService = new Map<string, Rule[]>();
  for (const rule of model.rules) {
    const list = byService.get(rule.service);
    if (list) list.push(rule);
    else byService.set(rule.service, [rule]);
  }
  return byService;
}

/**
 * Whoever some connection of theirs is allowed: never fewer than the verdict allows, so conditions of an allow (time, server
 * name) are taken to hold, and a deny subtracts only where it holds whatever the connection is like.
 *
 * @param rules the rules of one service
 * @param allow which allows count. @default all
 */
export function admitted(
  rules: readonly Rule[],
  port: number,
  via: Via,
  allow: (rule: Rule) => boolean = () => true,
): Admitted {
  const here = rules.filter((rule) => rule.ports.includes(port) && rule.via.includes(via));
  const denied = deniedAlways(here);
  const workloads = new Set<string>();
  const namespaces = new Set<string>();
  const agents = new Set<string>();
  let addresses = NO_ADDRESSES;
  let people = false;
  for (const rule of here) {
    if (rule.action !== "allow" || !allow(rule)) continue;
    const { subjects } = rule;
    for (const id of subjects.workloads) if (!isDenied(denied, id)) workloads.add(id);
    for (const { namespace } of subjects.namespaces) {
      if (!denied.namespaces.has(namespace)) namespaces.add(namespace);
    }
    for (const agent of subjects.agents) if (!denied.agents.has(agent)) agents.add(agent);
    if (subjects.users.length + subjects.idpGroups.length + subjects.awsRoles.length > 0) people = true;
    addresses = unionAddresses(addresses, addressesOf(rule));
  }
  return {
    workloads,
    namespaces,
    agents,
    people,
    addresses: subtractAddresses(addresses, denied.addresses),
    refuses: (id) => isDenied(denied, id),
  };
}

/**
 * Ranges that pods get addresses from: private use (RFC 1918), shared (RFC 6598), unique local (RFC 4193), and IPv6 global
 * unicast, which clusters on a cloud's IPv6 network use.
 */
const POD_RANGES = cidrSet([
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "fc00::/7",
  "2000::/3",
]);

/** True when a pod of the cluster may have one of the addresses. Which pod has which is not known beforehand. */
export function mayBePods(addresses: AddressSet): boolean {
  const shared = subtractAddresses(POD_RANGES, subtractAddresses(POD_RANGES, addresses));
  return shared.ipv4.length + shared.ipv6.length > 0;
}

/** True when nobody gets through. */
export function isNobody({ workloads, namespaces, addresses, agents, people }: Admitted): boolean {
  return (
    workloads.size + namespaces.size + agents.size + addresses.ipv4.length + addresses.ipv6.length === 0 &&
    !people
  );
}

interface Denied {
  readonly workloads: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  readonly agents: ReadonlySet<string>;
  readonly addresses: AddressSet;
}

function deniedAlways(rules: readonly Rule[]): Denied {
  const workloads = new Set<string>();
  const namespaces = new Set<string>();
  const agents = new Set<string>();
  let addresses = NO_ADDRESSES;
  for (const rule of rules) {
    const { when, subjects } = rule;
    if (rule.action !== "deny" || when.notBefore !== undefined || when.expires !== undefined || when.sni)
      continue;
    addresses = unionAddresses(addresses, addressesOf(rule));
    if (when.sourceCidrs) continue;
    for (const id of subjects.workloads) workloads.add(id);
    for (const { namespace } of subjects.namespaces) namespaces.add(namespace);
    for (const agent of subjects.agents) agents.add(agent);
  }
  return { workloads, namespaces, agents, addresses };
}

function isDenied(denied: Denied, spiffeId: string): boolean {
  const namespace = /\/ns\/([^/]+)\/sa\//.exec(spiffeId)?.[1];
  return denied.workloads.has(spiffeId) || (namespace !== undefined && denied.namespaces.has(namespace));
}

/** The address blocks that a rule names; both lists must hold a source address where there are two. */
function addressesOf(rule: Rule): AddressSet {
  const named = cidrSet(rule.subjects.cidrs);
  if (!rule.when.sourceCidrs) return named;
  return subtractAddresses(named, subtractAddresses(named, cidrSet(rule.when.sourceCidrs)));
}

/** The addresses of several blocks. */
export function cidrSet(cidrs: readonly string[]): AddressSet {
  return cidrs.reduce((all, cidr) => unionAddresses(all, parseCidr(cidr) ?? NO_ADDRESSES), NO_ADDRESSES);
}
