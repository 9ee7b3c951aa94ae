/** A SPIFFE ID taken apart. */
export interface SpiffeId {
  /** The whole ID, with its scheme. */
  readonly id: string;
  readonly trustDomain: string;
  /** With its leading slash. */
  readonly path: string;
  /** From Istio's path shape `/ns/NAMESPACE/sa/ACCOUNT`; undefined for another shape. */
  readonly namespace: string | undefined;
  readonly serviceAccount: string | undefined;
}

/**
 * Parses a SPIFFE ID by the rules of SPIFFE-ID, section 2: lower-case scheme and trust domain, no port, user, query or
 * fragment, no empty and no dot segment, at most 2048 bytes. Undefined for anything else. A trust domain's own ID, with
 * an empty path, names no workload and is not accepted.
 */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > 2048 || !text.startsWith("spiffe://")) return undefined;
  const slash = text.indexOf("/", 9);
  if (slash < 0) return undefined;
  const trustDomain = text.slice(9, slash);
  if (!/^[a-z0-9._-]{1,255}$/.test(trustDomain)) return undefined;
  const path = text.slice(slash);
  const segments = path.split("/").slice(1);
  for (const segment of segments) {
    if (!/^[A-Za-z0-9._-]+$/.test(segment) || segment === "." || segment === "..") return undefined;
  }
  const istio = segments.length === 4 && segments[0] === "ns" && segments[2] === "sa";
  return {
    id: text,
    trustDomain,
    path,
    namespace: istio ? segments[1] : undefined,
    serviceAccount: istio ? segments[3] : undefined,
  };
}
