import { compareText } from "../finding.ts";
import type { Condition, SecurityPolicy, Source } from "../istio/objects.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { sortedSet } from "../model/canonical.ts";

/** Somebody who connects with a certificate. */
export interface Caller {
  readonly namespace: string;
  readonly account: string;
  /**
   * Whom it speaks for: itself; every account of its namespace that nobody names; everybody of namespaces that nobody
   * names.
   */
  readonly kind: "named" | "other account" | "other namespace";
}

/** Everybody that policies can tell apart. */
export interface Callers {
  readonly named: readonly Caller[];
  /** Known namespaces, sorted. */
  readonly namespaces: readonly string[];
  /** Several for each namespace where patterns of policies tell unknown accounts apart. */
  readonly otherAccounts: readonly Caller[];
  readonly otherNamespaces: readonly Caller[];
}

/** No object has this name: it stands for those that are not known. */
export const UNKNOWN = "portreeve-unknown";

/** Finds the identities that the folder knows, by pods in the mesh and by policies, and stand-ins for all others. */
export function findCallers(
  pods: readonly Pod[],
  namespaces: Iterable<string>,
  policies: readonly SecurityPolicy[],
  trustDomains: readonly string[],
): Callers {
  const mentioned = policies.flatMap((policy) => mentions(policy, trustDomains));
  const exact = mentioned.filter(({ namespace, account }) => isName(namespace) && isName(account));
  const named = new Map<string, Caller>();
  for (const { namespace, account } of [
    ...pods.map((pod) => ({ namespace: pod.namespace, account: pod.serviceAccount })),
    ...exact,
  ]) {
    named.set(`${namespace}/${account}`, { namespace, account, kind: "named" });
  }
  const known = sortedSet([
    ...namespaces,
    ...[...named.values()].map((caller) => caller.namespace),
    ...mentioned.map(({ namespace }) => namespace).filter(isName),
  ]);
  const patterns = mentioned.filter((mention) => !exact.includes(mention));
  // `*/sa/batch`: an account that is known by name in any namespace.
  const accounts = sortedSet([UNKNOWN, ...patterns.map(({ account }) => exemplar(account))]);
  const strange = sortedSet([UNKNOWN, ...patterns.map(({ namespace }) => exemplar(namespace))]).filter(
    (namespace) => !known.includes(namespace),
  );
  const others = (list: readonly string[], kind: Caller["kind"]): Caller[] =>
    list.flatMap((namespace) =>
      accounts
        .filter((account) => !named.has(`${namespace}/${account}`))
        .map((account) => ({ namespace, account, kind })),
    );
  return {
    named: [...named.values()].sort((a, b) =>
      compareText(`${a.namespace}/${a.account}`, `${b.namespace}/${b.account}`),
    ),
    namespaces: known,
    otherAccounts: others(known, "other account"),
    otherNamespaces: others(strange, "other namespace"),
  };
}

interface Mention {
  readonly namespace: string;
  readonly account: string;
}

function mentions(policy: SecurityPolicy, trustDomains: readonly string[]): Mention[] {
  if (policy.kind !== "AuthorizationPolicy") return [];
  const home = policy.metadata.namespace ?? "default";
  return (policy.spec?.rules ?? []).flatMap(({ from, when }) => [
    ...(from ?? []).flatMap(({ source }) => inSource(source ?? {}, home, trustDomains)),
    ...(when ?? []).flatMap((condition) => inCondition(condition, home, trustDomains)),
  ]);
}

function inSource(source: Source, home: string, trustDomains: readonly string[]): Mention[] {
  return [
    ...[...(source.principals ?? []), ...(source.notPrincipals ?? [])].flatMap((text) =>
      principal(text, trustDomains),
    ),
    ...[...(source.namespaces ?? []), ...(source.notNamespaces ?? [])].map((namespace) => ({
      namespace,
      account: "*",
    })),
    ...[...(source.serviceAccounts ?? []), ...(source.notServiceAccounts ?? [])].map((text) =>
      serviceAccount(text, home),
    ),
  ];
}

function inCondition(condition: Condition, home: string, trustDomains: readonly string[]): Mention[] {
  const values = [...(condition.values ?? []), ...(condition.notValues ?? [])];
  switch (condition.key) {
    case "source.principal":
      return values.flatMap((text) => principal(text, trustDomains));
    case "source.namespace":
      return values.map((namespace) => ({ namespace, account: "*" }));
    case "source.serviceAccount":
      return values.map((text) => serviceAccount(text, home));
    default:
      return [];
  }
}

function serviceAccount(text: string, home: string): Mention {
  const slash = text.indexOf("/");
  return slash < 0
    ? { namespace: home, account: text }
    : { namespace: text.slice(0, slash), account: text.slice(slash + 1) };
}

/** `td/ns/shop/sa/api`, or a pattern with any part of it missing: `*`, `td/ns/dev-*`, `*\/sa/batch`, `*-bot`. */
function principal(text: string, trustDomains: readonly string[]): Mention[] {
  const parts = /^(?:(.*?)\/ns\/)?(?:(.*?)\/sa\/)?(.*)$/s.exec(text);
  const [, domain, middle, rest = ""] = parts ?? [];
  // An identity of a foreign trust domain is nobody that this mesh issues.
  if (domain !== undefined && !domain.includes("*") && !trustDomains.includes(domain)) return [];
  if (middle !== undefined) {
    const namespace = domain === undefined && middle.startsWith("*") ? middle.replace("/ns/", "") : middle;
    return [{ namespace: namespace === "" ? "*" : namespace, account: rest }];
  }
  if (domain !== undefined) return [{ namespace: rest, account: "*" }];
  return [{ namespace: "*", account: rest.includes("/") || rest === "" ? "*" : rest }];
}

function isName(text: string): boolean {
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text);
}

/** A name that the pattern matches and that nobody has. */
function exemplar(pattern: string): string {
  return isName(pattern) ? pattern : pattern.replaceAll("*", UNKNOWN).replaceAll("/", "");
}

/** As reports name it. */
export function callerText({ namespace, account, kind }: Caller): string {
  switch (kind) {
    case "named":
      return `${namespace}/${account}`;
    case "other account":
      return account === UNKNOWN
        ? `other accounts of ${namespace}`
        : `${namespace}/${account.replaceAll(UNKNOWN, "*")}`;
    case "other namespace": {
      const [n, a] = [namespace, account].map((text) => text.replaceAll(UNKNOWN, "*"));
      return n === "*" && a === "*" ? "namespaces that are not known" : `${n}/${a}`;
    }
  }
}
