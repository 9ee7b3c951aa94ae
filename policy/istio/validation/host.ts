import { isIpAddress } from "./address.ts";
import { isDnsLabel, isWildcardDnsLabel } from "./labels.ts";

/** What is wrong with a fully qualified domain name, or undefined. A final dot is allowed. */
export function fqdnProblem(name: string): string | undefined {
  return lengthProblem(name) ?? labelsProblem(name);
}

/** What is wrong with a domain name whose first label may be a wildcard (`*`, `*-a`), or undefined. */
export function wildcardDomainProblem(name: string): string | undefined {
  const problem = lengthProblem(name);
  if (problem !== undefined) return problem;
  const dot = name.indexOf(".");
  const first = dot < 0 ? name : name.slice(0, dot);
  if (!isWildcardDnsLabel(first)) return invalidLabel(name, first);
  return dot < 0 ? undefined : labelsProblem(name.slice(dot + 1));
}

/**
 * The same for a VirtualService that is bound to a gateway. With SNI matches it may name the hosts that Istio makes
 * for AUTO_PASSTHROUGH: `outbound_.80_._.db.shop.svc.cluster.local`.
 */
export function gatewayBoundDomainProblem(name: string, hasSni: boolean): string | undefined {
  const problem = lengthProblem(name);
  if (problem !== undefined) return problem;
  if (!hasSni || !name.startsWith("outbound_")) return wildcardDomainProblem(name);
  const parts = name.split("_");
  const [, port = "", , host] = parts;
  const wellFormed = host !== undefined && /[0-9]/.test(port) && /[a-zA-Z]/.test(host);
  return wellFormed ? undefined : `${JSON.stringify(name)} must have the form outbound_.<PORT>_._.<HOSTNAME>`;
}

/** What is wrong with a host of a Gateway server or a Sidecar egress listener, or undefined: `namespace/dnsName`. */
export function namespacedHostProblem(
  name: string,
  kind: "gateway" | "sidecar",
  gatewayApi: boolean,
): string | undefined {
  const slash = name.indexOf("/");
  if (slash < 0) {
    return kind === "gateway"
      ? hostPartProblem(name, kind)
      : `host ${JSON.stringify(name)} must have the form namespace/dnsName`;
  }
  const namespace = name.slice(0, slash);
  const host = name.slice(slash + 1);
  if (namespace === "" || host === "") return "the namespace and the dnsName of a host must not be empty";
  return namespaceProblem(namespace, kind, gatewayApi) ?? hostPartProblem(host, kind);
}

function namespaceProblem(
  namespace: string,
  kind: "gateway" | "sidecar",
  gatewayApi: boolean,
): string | undefined {
  if (namespace === "*" || namespace === ".") return undefined;
  if (kind === "sidecar") {
    // A leading ~ excludes the namespace.
    const bare = namespace.replace(/^~/, "");
    if (bare === "" || bare === "*" || bare === "." || isDnsLabel(bare)) return undefined;
  } else if ((namespace === "~" && gatewayApi) || isDnsLabel(namespace)) {
    return undefined;
  }
  return `namespace ${JSON.stringify(namespace)} must be *, . or a DNS label`;
}

function hostPartProblem(host: string, kind: "gateway" | "sidecar"): string | undefined {
  // A dot is asked for before anything else, so a Gateway may name an IPv4 address but not an IPv6 one.
  if (host !== "*" && !host.includes("."))
    return `${JSON.stringify(host)} is a short name; write the fully qualified name`;
  const problem = wildcardDomainProblem(host);
  if (problem !== undefined && !(kind === "gateway" && isIpAddress(host))) return problem;
  return partialWildcardProblem(host);
}

/** What is wrong with a wildcard that is not a whole first label (`*-a.b`), or undefined. */
export function partialWildcardProblem(host: string): string | undefined {
  if (!host.includes("*") || host.length === 1 || host.startsWith("*.")) return undefined;
  return `${JSON.stringify(host)} has a partial wildcard; only a whole first label may be *`;
}

/** Whether two hosts overlap: one covers the other by its wildcard, or they are equal. */
export function hostsOverlap(a: string, b: string): boolean {
  return isSubsetOfHost(a, b) || isSubsetOfHost(b, a);
}

/** Whether every name that `a` stands for is one that `b` stands for. */
export function isSubsetOfHost(a: string, b: string): boolean {
  if (!b.startsWith("*")) return a === b;
  const suffix = b.slice(1);
  if (!a.startsWith("*")) return a.endsWith(suffix);
  return a.length >= b.length && a.slice(1).endsWith(suffix);
}

function lengthProblem(name: string): string | undefined {
  if (name === "") return "an empty domain name is not allowed";
  return name.length > 255
    ? `domain name is ${name.length} characters long; at most 255 are allowed`
    : undefined;
}

function labelsProblem(name: string): string | undefined {
  const labels = name.split(".");
  const last = labels.at(-1) ?? "";
  if (/^\d+$/.test(last) && BigInt(last) < 1n << 63n)
    return `${JSON.stringify(name)} is not a domain name: its last label is a number`;
  for (const [index, label] of labels.entries()) {
    if (index === labels.length - 1 && label === "") return undefined;
    if (!isDnsLabel(label)) return invalidLabel(name, label);
  }
  return undefined;
}

function invalidLabel(name: string, label: string): string {
  return `${JSON.stringify(name)} is not a valid domain name: label ${JSON.stringify(label)} is not a DNS label`;
}
