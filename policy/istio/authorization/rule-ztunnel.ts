import type { Condition, Operation, Rule, Source } from "../objects.ts";
import { type Address, contains, parseRange } from "./match-cidr.ts";
import { parsePort } from "./match-port.ts";
import { matchText, splitServiceAccount } from "./match-string.ts";
import type { Peer } from "./peer.ts";
import type { CompiledRule, Loss, PeerTest } from "./rule-sidecar.ts";

/** What istiod sends to ztunnel of one entry of `from`, `to` or `when`: tests that all have to hold. */
type Match = readonly PeerTest[];

/**
 * Compiles a rule as istiod converts it for ztunnel (pilot/pkg/serviceregistry/ambient/authorization.go) and ztunnel
 * evaluates it (ztunnel src/rbac.rs): a clause for each of `from` and `to` and one for every `when`; all clauses have to
 * match, and of a clause any match. A match of which nothing is left is skipped, so a clause of only such matches never
 * matches. That is why an HTTP attribute in a DENY rule makes the rule do nothing here.
 */
export function compileZtunnelRule(
  rule: Rule,
  context: { readonly namespace: string; readonly action: "ALLOW" | "DENY" },
): CompiledRule {
  const losses: Loss[] = [];
  const clauses: (readonly Match[])[] = [];
  const { to = [], from = [], when = [] } = rule;
  if (to.length > 0) clauses.push(to.map((entry) => operationMatch(entry.operation ?? {}, losses)));
  if (from.length > 0) {
    clauses.push(from.map((entry) => sourceMatch(entry.source ?? {}, context.namespace, losses)));
  }
  for (const condition of when) clauses.push([conditionMatch(condition, losses)]);
  // istiod leaves an ALLOW rule with an HTTP attribute out; a value that it cannot read drops only the value.
  if (context.action === "ALLOW" && losses.some(({ why }) => why === "http")) {
    return { test: undefined, losses };
  }
  return { test: (peer) => clauses.every((clause) => clauseMatches(clause, peer)), losses };
}

function clauseMatches(clause: readonly Match[], peer: Peer): boolean {
  return clause.some((match) => match.length > 0 && match.every((test) => test(peer)));
}

function sourceMatch(source: Source, namespace: string, losses: Loss[]): Match {
  noteHttp(
    source,
    ["remoteIpBlocks", "notRemoteIpBlocks", "requestPrincipals", "notRequestPrincipals"],
    losses,
  );
  for (const field of ["trustDomains", "notTrustDomains"] as const) {
    if ((source[field] ?? []).length > 0) losses.push({ field, why: "not-read" });
  }
  return [
    ...ranges("ipBlocks", source.ipBlocks, source.notIpBlocks, (peer) => peer.source, losses),
    ...texts(source.namespaces, source.notNamespaces, (peer) => peer.namespace),
    ...accounts(source.serviceAccounts, source.notServiceAccounts, namespace),
    ...texts(source.principals, source.notPrincipals, (peer) => peer.principal, identified),
  ];
}

function operationMatch(operation: Operation, losses: Loss[]): Match {
  noteHttp(operation, ["hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"], losses);
  return ports("ports", operation.ports, operation.notPorts, losses);
}

function conditionMatch({ key, values, notValues }: Condition, losses: Loss[]): Match {
  switch (key) {
    case "source.ip":
      return ranges(key, values, notValues, (peer) => peer.source, losses);
    case "destination.ip":
      return ranges(key, values, notValues, (peer) => peer.destination, losses);
    case "destination.port":
      return ports(key, values, notValues, losses);
    case "source.namespace":
      return texts(values, notValues, (peer) => peer.namespace);
    case "source.principal":
      return texts(values, notValues, (peer) => peer.principal, identified);
    default:
      // Every other key counts as HTTP for ztunnel, also remote.ip, connection.sni, source.serviceAccount and unknown ones.
      losses.push({ field: key, why: "http" });
      return [];
  }
}

function noteHttp<T extends object>(entry: T, fields: readonly (keyof T & string)[], losses: Loss[]): void {
  for (const field of fields) {
    const values: unknown = entry[field];
    if (Array.isArray(values) && values.length > 0) losses.push({ field, why: "http" });
  }
}

function both<T>(yes: readonly T[], no: readonly T[], matches: (one: T, peer: Peer) => boolean): Match {
  return [
    ...(yes.length > 0 ? [(peer: Peer) => yes.some((one) => matches(one, peer))] : []),
    ...(no.length > 0 ? [(peer: Peer) => !no.some((one) => matches(one, peer))] : []),
  ];
}

function identified(peer: Peer): boolean {
  return peer.principal !== "";
}

function texts(
  yes: readonly string[] = [],
  no: readonly string[] = [],
  text: (peer: Peer) => string,
  applies: (peer: Peer) => boolean = () => true,
): Match {
  return both(yes.map(matchText), no.map(matchText), (match, peer) => applies(peer) && match(text(peer)));
}

function accounts(yes: readonly string[] = [], no: readonly string[] = [], policyNamespace: string): Match {
  const read = (values: readonly string[]) =>
    values.map((value) => splitServiceAccount(value, policyNamespace));
  return both(
    read(yes),
    read(no),
    (account, peer) =>
      identified(peer) && account.namespace === peer.namespace && account.name === peer.serviceAccount,
  );
}

function ranges(
  field: string,
  yes: readonly string[] = [],
  no: readonly string[] = [],
  address: (peer: Peer) => Address,
  losses: Loss[],
): Match {
  const read = (values: readonly string[]) => readEach(field, values, parseRange, losses);
  return both(read(yes), read(no), (range, peer) => contains(range, address(peer)));
}

function ports(
  field: string,
  yes: readonly string[] = [],
  no: readonly string[] = [],
  losses: Loss[] = [],
): Match {
  const read = (values: readonly string[]) => readEach(field, values, parsePort, losses);
  return both(read(yes), read(no), (port, peer) => port === peer.port);
}

function readEach<T>(
  field: string,
  values: readonly string[],
  parse: (value: string) => T | undefined,
  losses: Loss[],
): readonly T[] {
  return values.flatMap((value) => {
    const read = parse(value);
    if (read === undefined) losses.push({ field, why: "value", value });
    return read === undefined ? [] : [read];
  });
}
