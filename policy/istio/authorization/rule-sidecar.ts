import type { Condition, Operation, Rule, Source } from "../objects.ts";
import { contains, parseRange } from "./match-cidr.ts";
import { parsePort } from "./match-port.ts";
import {
  matchText,
  sidecarNamespace,
  sidecarPrincipal,
  sidecarServiceAccount,
  sidecarTrustDomain,
} from "./match-string.ts";
import type { Peer } from "./peer.ts";
import { expandPrincipals, expandTrustDomains } from "./trust-domain.ts";

export type PeerTest = (peer: Peer) => boolean;

export interface CompiledRule {
  /** `undefined`: istiod leaves the rule out. */
  readonly test: PeerTest | undefined;
  /** What about the rule is lost on a TCP port, and what that does. */
  readonly losses: readonly Loss[];
}

/** A part of a rule that a data plane cannot hold: the field or key, and why. */
export interface Loss {
  readonly field: string;
  readonly why: "http" | "value" | "unknown-key" | "not-read";
  readonly value?: string;
}

export interface SidecarRuleContext {
  /** The policy's own namespace, for service accounts without one. */
  readonly namespace: string;
  /** The mesh's trust domain, then its aliases. */
  readonly trustDomains: readonly string[];
  /**
   * An ALLOW rule with a part that TCP cannot hold is dropped whole; of a DENY, CUSTOM or AUDIT rule only the part is
   * dropped, which makes it wider (`checkError` in pilot/pkg/security/authz/model/model.go).
   */
  readonly action: "ALLOW" | "DENY";
}

/** Makes the test of one value; `undefined` when the value is not one that istiod takes. */
type ValueTest = (value: string) => PeerTest | undefined;

/** One field with its values and notValues, after trust domain aliases. */
interface Part {
  readonly field: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
  /** `undefined` for what only HTTP has. */
  readonly test: ValueTest | undefined;
}

/** Compiles a rule as istiod does for a TCP filter chain. */
export function compileSidecarRule(rule: Rule, context: SidecarRuleContext): CompiledRule {
  const unknown = (rule.when ?? []).filter((condition) => whenPart(condition, context) === undefined);
  if (unknown.length > 0) {
    // istiod skips the rule, whatever its action is: an unknown key does not widen a DENY.
    return { test: undefined, losses: unknown.map(({ key }) => ({ field: key, why: "unknown-key" })) };
  }
  const losses: Loss[] = [];
  const clause = (parts: readonly Part[]): PeerTest => all(parts.flatMap((part) => partTests(part, losses)));
  const when = (rule.when ?? []).flatMap((condition) => whenPart(condition, context) ?? []);
  const from = orEmpty(rule.from).map((entry) => clause(sourceParts(entry.source ?? {}, context)));
  const to = orEmpty(rule.to).map((entry) => clause(operationParts(entry.operation ?? {})));
  const also = clause(when);
  if (losses.length > 0 && context.action === "ALLOW") return { test: undefined, losses };
  return {
    test: (peer) => also(peer) && from.some((test) => test(peer)) && to.some((test) => test(peer)),
    losses,
  };
}

/** No entries match like one empty entry. */
function orEmpty<T extends object>(
  entries: readonly T[] | undefined,
): readonly (T | Record<string, never>)[] {
  return entries === undefined || entries.length === 0 ? [{}] : entries;
}

function all(tests: readonly PeerTest[]): PeerTest {
  return (peer) => tests.every((test) => test(peer));
}

/** What is left of a part. A list of which no value is left is no constraint any more. */
function partTests(part: Part, losses: Loss[]): readonly PeerTest[] {
  const { test } = part;
  if (test === undefined) {
    if (part.values.length > 0 || part.notValues.length > 0) losses.push({ field: part.field, why: "http" });
    return [];
  }
  const read = (values: readonly string[]): PeerTest[] =>
    values.flatMap((value) => {
      const made = test(value);
      if (made === undefined) losses.push({ field: part.field, why: "value", value });
      return made ?? [];
    });
  const yes = read(part.values);
  const no = read(part.notValues);
  return [
    ...(yes.length > 0 ? [(peer: Peer) => yes.some((one) => one(peer))] : []),
    ...(no.length > 0 ? [(peer: Peer) => !no.some((one) => one(peer))] : []),
  ];
}

const testSourceIp: ValueTest = (value) => {
  const range = parseRange(value);
  return range && ((peer) => contains(range, peer.source));
};
const testRemoteIp: ValueTest = (value) => {
  const range = parseRange(value);
  return range && ((peer) => contains(range, peer.remote));
};
const testDestinationIp: ValueTest = (value) => {
  const range = parseRange(value);
  return range && ((peer) => contains(range, peer.destination));
};
const testPort: ValueTest = (value) => {
  const port = parsePort(value);
  return port === undefined ? undefined : (peer) => peer.port === port;
};
const testSni: ValueTest = (value) => {
  const match = matchText(value);
  return (peer) => match(peer.sni);
};
const testPrincipal: ValueTest = (value) => {
  const match = sidecarPrincipal(value);
  // Without a certificate there is nothing to match, not an empty text.
  return (peer) => peer.uri !== "" && match(peer.uri);
};
const testNamespace: ValueTest = (value) => {
  const match = sidecarNamespace(value);
  return (peer) => match(peer.uri);
};
const testTrustDomain: ValueTest = (value) => {
  const match = sidecarTrustDomain(value);
  return (peer) => match(peer.uri);
};
/** Envoy's dynamic metadata: no filter before the authorization filter sets any on a TCP connection. */
const testMetadata: ValueTest = () => () => false;

function testServiceAccount(policyNamespace: string): ValueTest {
  return (value) => {
    const match = sidecarServiceAccount(value, policyNamespace);
    return (peer) => match(peer.uri);
  };
}

function sourceParts(source: Source, context: SidecarRuleContext): readonly Part[] {
  const { trustDomains, namespace } = context;
  return [
    part("principals", source.principals, source.notPrincipals, testPrincipal, (values) =>
      expandPrincipals(values, trustDomains),
    ),
    part("requestPrincipals", source.requestPrincipals, source.notRequestPrincipals, undefined),
    part("serviceAccounts", source.serviceAccounts, source.notServiceAccounts, testServiceAccount(namespace)),
    part("trustDomains", source.trustDomains, source.notTrustDomains, testTrustDomain, (values) =>
      expandTrustDomains(values, trustDomains),
    ),
    part("namespaces", source.namespaces, source.notNamespaces, testNamespace),
    part("remoteIpBlocks", source.remoteIpBlocks, source.notRemoteIpBlocks, testRemoteIp),
    part("ipBlocks", source.ipBlocks, source.notIpBlocks, testSourceIp),
  ];
}

function operationParts(operation: Operation): readonly Part[] {
  return [
    part("hosts", operation.hosts, operation.notHosts, undefined),
    part("methods", operation.methods, operation.notMethods, undefined),
    part("paths", operation.paths, operation.notPaths, undefined),
    part("ports", operation.ports, operation.notPorts, testPort),
  ];
}

/** `undefined` for a key that istiod does not know. */
function whenPart(condition: Condition, context: SidecarRuleContext): Part | undefined {
  const { key, values, notValues } = condition;
  switch (key) {
    case "source.ip":
      return part(key, values, notValues, testSourceIp);
    case "remote.ip":
      return part(key, values, notValues, testRemoteIp);
    case "destination.ip":
      return part(key, values, notValues, testDestinationIp);
    case "destination.port":
      return part(key, values, notValues, testPort);
    case "connection.sni":
      return part(key, values, notValues, testSni);
    case "source.namespace":
      return part(key, values, notValues, testNamespace);
    case "source.serviceAccount":
      return part(key, values, notValues, testServiceAccount(context.namespace));
    case "source.trustDomain":
      return part(key, values, notValues, testTrustDomain, (list) =>
        expandTrustDomains(list, context.trustDomains),
      );
    case "source.principal":
      return part(key, values, notValues, testPrincipal, (list) =>
        expandPrincipals(list, context.trustDomains),
      );
    case "request.auth.principal":
    case "request.auth.audiences":
    case "request.auth.presenter":
      return part(key, values, notValues, undefined);
  }
  if (key.startsWith("request.headers") || key.startsWith("request.auth.claims")) {
    return part(key, values, notValues, undefined);
  }
  if (key.startsWith("experimental.envoy.filters.")) {
    // `experimental.envoy.filters.NAME[KEY]`; without the bracket istiod cannot read it.
    return part(key, values, notValues, key.includes("[") ? testMetadata : () => undefined);
  }
  return undefined;
}

function part(
  field: string,
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  test: ValueTest | undefined,
  expand: (values: readonly string[]) => readonly string[] = (same) => same,
): Part {
  return { field, values: expand(values ?? []), notValues: expand(notValues ?? []), test };
}
