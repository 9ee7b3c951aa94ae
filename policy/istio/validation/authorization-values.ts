import { isCidr, isIpAddress } from "./address.ts";
import { byteLength } from "./bytes.ts";

type Problem = string | undefined;

/** Index and problem of every entry that is neither an IP address nor a CIDR. */
export function ipListProblems(values: readonly string[]): readonly (readonly [number, string])[] {
  return values.flatMap((value, index): readonly [number, string][] => {
    if (value.includes("/"))
      return isCidr(value) ? [] : [[index, `${JSON.stringify(value)} is not a valid CIDR range`]];
    return isIpAddress(value) ? [] : [[index, `${JSON.stringify(value)} is not a valid IP address`]];
  });
}

/** Index and problem of every entry that is not a port. Istio lets 0 pass. */
export function portListProblems(values: readonly string[]): readonly (readonly [number, string])[] {
  return values.flatMap((value, index): readonly [number, string][] =>
    /^\d+$/.test(value) && BigInt(value) <= 65535n ? [] : [[index, `${JSON.stringify(value)} is not a port`]],
  );
}

export function emptyValueProblem(values: readonly string[]): Problem {
  return values.includes("") ? "an empty value is not allowed" : undefined;
}

function wildcardProblem(values: readonly string[]): Problem {
  const empty = emptyValueProblem(values);
  if (empty !== undefined) return empty;
  for (const value of values) {
    const stars = value.split("*").length - 1;
    if (stars > 1) return `${JSON.stringify(value)} has more than one wildcard`;
    if (stars === 1 && !value.startsWith("*") && !value.endsWith("*")) {
      return `${JSON.stringify(value)} has a wildcard that is neither first nor last`;
    }
  }
  return undefined;
}

/** What is wrong with a list of trust domains, or undefined. */
export function trustDomainsProblem(values: readonly string[]): Problem {
  const wildcard = wildcardProblem(values);
  if (wildcard !== undefined) return wildcard;
  const bad = values.find((value) => value.includes("/"));
  return bad === undefined ? undefined : `trust domain ${JSON.stringify(bad)} must not contain a /`;
}

/** What is wrong with a list of service accounts (`name` or `namespace/name`), or undefined. */
export function serviceAccountsProblem(values: readonly string[]): Problem {
  if (values.length > 16) return `has ${values.length} values; at most 16 are allowed`;
  for (const value of values) {
    if (value === "") return "an empty value is not allowed";
    if (value.includes("*")) return `${JSON.stringify(value)} has a wildcard, which is not allowed here`;
    const parts = value.split("/");
    if (parts.length > 2 || parts.includes(""))
      return `${JSON.stringify(value)} must be serviceAccount or namespace/serviceAccount`;
    if (byteLength(value) > 320) return "a value may be 320 characters long at most";
  }
  return undefined;
}

/** A path segment's characters by RFC 3986, of which Istio has its own list for template paths. */
const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;

/** What is wrong with a path that may hold the templates `{*}` (one segment) and `{**}` (the rest), or undefined. */
export function pathTemplateProblem(path: string): Problem {
  const isTemplate = path.includes("{*}") || path.includes("{**}");
  let restSeen = false;
  for (const segment of path.replace(/^\/+|\/+$/g, "").split("/")) {
    if (segment === "{*}" || segment === "{**}") {
      if (restSeen) return `${JSON.stringify(path)}: {**} must be the last template`;
      restSeen = segment === "{**}";
      continue;
    }
    if (/[{}]/.test(segment)) return `${JSON.stringify(path)} has a { or } that is not part of {*} or {**}`;
    if (isTemplate && !LITERAL.test(segment))
      return `${JSON.stringify(path)} has the segment ${JSON.stringify(segment)}, which is not allowed beside a template`;
  }
  return undefined;
}

const IP_KEYS = new Set(["source.ip", "remote.ip", "destination.ip"]);
const FREE_KEYS = new Set([
  "source.namespace",
  "source.principal",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
  "connection.sni",
]);
const MAP_KEYS = ["request.headers", "request.auth.claims", "experimental.envoy.filters."];

/** What is wrong with a condition's key and values, or undefined. */
export function attributeProblem(key: string, values: readonly string[]): Problem {
  const empty = emptyValueProblem(values);
  if (empty !== undefined) return empty;
  if (key.startsWith("request.headers")) return mapKeyProblem(key);
  if (IP_KEYS.has(key)) return ipListProblems(values)[0]?.[1];
  if (FREE_KEYS.has(key)) return undefined;
  if (key === "source.serviceAccount") return serviceAccountsProblem(values);
  if (key === "source.trustDomain") return wildcardProblem(values);
  if (key === "destination.port") return portListProblems(values)[0]?.[1];
  if (MAP_KEYS.some((prefix) => key.startsWith(prefix))) return mapKeyProblem(key);
  if (key === "destination.namespace")
    return "destination.namespace is replaced by the policy's own namespace";
  if (key.startsWith("destination.labels")) return "destination.labels is replaced by the policy's selector";
  return `${JSON.stringify(key)} is not an attribute that a policy can match`;
}

function mapKeyProblem(key: string): Problem {
  const open = key.indexOf("[");
  return key.endsWith("]") && open > 0 && open < key.length - 2
    ? undefined
    : `${JSON.stringify(key)} must have the form name[key]`;
}
