import { createHash } from "node:crypto";

/** Kubernetes' limit for labels, and for the names that become labels. */
export const MAX_NAME = 63;

/**
 * Joins parts to one name within a limit. What is too long keeps its beginning and gets a hash of the whole, so that
 * two long names never become one.
 */
export function joinName(parts: readonly string[], max: number = MAX_NAME): string {
  const whole = parts.join("-");
  return whole.length <= max ? whole : shorten(whole, max);
}

function shorten(whole: string, max: number): string {
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, 8);
  return `${whole.slice(0, max - 9).replace(/-+$/, "")}-${hash}`;
}

/** The SPIFFE ID that Istio gives a service account. */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
