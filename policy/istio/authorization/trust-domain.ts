/**
 * Trust domain aliases as istiod applies them for sidecars (pilot/pkg/security/trustdomain): a principal whose trust
 * domain is the mesh's, an alias, or `cluster.local` stands for the same identity in every one of the mesh's trust
 * domains. ztunnel has no such step.
 */

/** A pointer to the mesh's own trust domain and its aliases, whatever they are called. */
const MESH_POINTER = "cluster.local";

/** `trustDomains`: the mesh's trust domain first, then its aliases. */
export function expandPrincipals(
  principals: readonly string[],
  trustDomains: readonly string[],
): readonly string[] {
  return principals.flatMap((principal) => {
    const parts = principal.split("/");
    const [trustDomain = ""] = parts;
    // Not `td/ns/x/sa/y`, or any trust domain (`*/ns/…`): there is no trust domain to replace.
    if (parts.length !== 5 || trustDomain === "*") return [principal];
    if (trustDomain !== MESH_POINTER && !trustDomains.some((known) => overlap(trustDomain, known))) {
      return [principal];
    }
    const rest = parts.slice(1).join("/");
    return trustDomains.map((known) => (suffixMatch(known, trustDomain) ? principal : `${known}/${rest}`));
  });
}

/** For the `trustDomains` field, only an exact name of the mesh's trust domains stands for all of them. */
export function expandTrustDomains(
  values: readonly string[],
  trustDomains: readonly string[],
): readonly string[] {
  return values.flatMap((value) => (trustDomains.includes(value) ? trustDomains : [value]));
}

function overlap(a: string, b: string): boolean {
  return (
    a === b || b === "*" || prefixMatch(a, b) || prefixMatch(b, a) || suffixMatch(a, b) || suffixMatch(b, a)
  );
}

function prefixMatch(text: string, pattern: string): boolean {
  return pattern.endsWith("*") && text.startsWith(pattern.slice(0, -1));
}

function suffixMatch(text: string, pattern: string): boolean {
  return pattern.startsWith("*") && text.endsWith(pattern.slice(1));
}
