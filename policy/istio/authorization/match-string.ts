/** Whether a text matches. */
export type TextMatch = (text: string) => boolean;

/** `*` any non-empty text, `*suffix`, `prefix*`, otherwise exact. The first `*` counts; another one is literal. */
export function matchText(pattern: string): TextMatch {
  if (pattern === "*") return (text) => text !== "";
  if (pattern.startsWith("*")) {
    const suffix = pattern.slice(1);
    return (text) => text.endsWith(suffix);
  }
  if (pattern.endsWith("*")) {
    const prefix = pattern.slice(0, -1);
    return (text) => text.startsWith(prefix);
  }
  return (text) => text === pattern;
}

export const SPIFFE = "spiffe://";

/**
 * How a sidecar matches a principal: against the certificate's whole URI, for which istiod puts `spiffe://` before the
 * pattern. A pattern that is written with `spiffe://` therefore never matches.
 */
export function sidecarPrincipal(pattern: string): TextMatch {
  if (pattern === "*") return (uri) => uri !== "";
  if (pattern.startsWith("*")) {
    const suffix = pattern.slice(1);
    return (uri) =>
      uri.startsWith(SPIFFE) && uri.length >= SPIFFE.length + suffix.length && uri.endsWith(suffix);
  }
  return matchText(SPIFFE + pattern);
}

/** A sidecar looks for `/ns/…/` anywhere in the URI; every `*` is a wildcard, which may also run over a slash. */
export function sidecarNamespace(pattern: string): TextMatch {
  if (!pattern.includes("*")) {
    const part = `/ns/${pattern}/`;
    return (uri) => uri.includes(part);
  }
  return matchRegExp(`.*/ns/${pattern.split("*").map(quote).join(".*")}/.*`);
}

/** `name` (in the policy's own namespace) or `namespace/name`; no wildcards, and any trust domain. */
export function sidecarServiceAccount(value: string, policyNamespace: string): TextMatch {
  const { namespace, name } = splitServiceAccount(value, policyNamespace);
  return matchRegExp(`${SPIFFE}.+/ns/${quote(namespace)}/(.+/|)sa/${quote(name)}(/.+)?`);
}

export function splitServiceAccount(
  value: string,
  policyNamespace: string,
): { readonly namespace: string; readonly name: string } {
  const slash = value.indexOf("/");
  if (slash < 0) return { namespace: policyNamespace, name: value };
  return { namespace: value.slice(0, slash), name: value.slice(slash + 1) };
}

/** `*` any trust domain; one `*` stands for any text without a slash; otherwise exact. */
export function sidecarTrustDomain(pattern: string): TextMatch {
  if (pattern === "*") return (uri) => uri.startsWith(SPIFFE);
  const star = pattern.indexOf("*");
  if (star < 0) {
    const prefix = `${SPIFFE}${pattern}/`;
    return (uri) => uri.startsWith(prefix);
  }
  const before = quote(pattern.slice(0, star));
  const after = quote(pattern.slice(star + 1));
  return matchRegExp(`${SPIFFE}${before}[^/]*${after}/.*`);
}

function matchRegExp(source: string): TextMatch {
  const expression = new RegExp(`^(?:${source})$`);
  return (text) => expression.test(text);
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
