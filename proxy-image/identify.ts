import { X509Certificate } from "node:crypto";
import { type LeafFacts, readLeaf } from "./identity/certificate.ts";
import { parseSpiffeId, type SpiffeId } from "./identity/spiffe.ts";
import type { TrustStore } from "./identity/trust-store.ts";

/** A workload as its verified certificate names it. */
export interface WorkloadIdentity {
  readonly spiffe: SpiffeId;
  /** When its certificate expires, epoch milliseconds: no session is resumed with it then. */
  readonly notAfter: number;
  /** DER of the leaf, and of the certificates that came with it: judged again when a trust bundle changes. */
  readonly leaf: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

/** Why a peer with a certificate is nobody. Stable: in records and metrics. */
export type IdentifyRefusal =
  | "malformed-certificate"
  | "no-spiffe-id"
  | "several-uris"
  | "malformed-spiffe-id"
  | "ca-certificate"
  | "key-usage"
  | "not-yet-valid"
  | "expired"
  | "untrusted-domain"
  | "foreign-authority";

export type Identified =
  | { readonly ok: true; readonly workload: WorkloadIdentity }
  | { readonly ok: false; readonly refusal: IdentifyRefusal };

/** Identities remembered at once; a leaf is around 600 bytes. */
const MAX_REMEMBERED = 4_096;

/**
 * Says which workload a leaf names, by the rules of X.509-SVID, sections 2–5, once TLS has verified its chain and that
 * the peer holds its key. Nothing but the URI name counts: not the common name, not a DNS name.
 */
export class Identifier {
  readonly #trust: TrustStore;
  /** By the leaf's bytes. What depends on the clock is judged anew each time. */
  readonly #remembered = new Map<string, Identified & { readonly notBefore?: number }>();

  constructor(trust: TrustStore) {
    this.#trust = trust;
  }

  /**
   * @param leaf DER of the peer's leaf
   * @param chain gives DER of the other certificates that the peer sent; asked once for each leaf
   * @param at epoch milliseconds
   */
  identify(leaf: Uint8Array, chain: () => readonly Uint8Array[], at: number): Identified {
    // A leaf from a socket is a Buffer; asking for its memory to make another costs more than the rest of this.
    const key = (Buffer.isBuffer(leaf) ? leaf : Buffer.from(leaf)).toString("latin1");
    let known = this.#remembered.get(key);
    if (!known) {
      known = this.#read(leaf, chain, at);
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      // A refusal is not remembered: it costs its sender a handshake each time, and must not push others out.
      if (known.ok) this.#remembered.set(key, known);
    }
    if (!known.ok) return known;
    if (at >= known.workload.notAfter) return { ok: false, refusal: "expired" };
    if (at < (known.notBefore ?? 0)) return { ok: false, refusal: "not-yet-valid" };
    return known;
  }

  #read(
    der: Uint8Array,
    chain: () => readonly Uint8Array[],
    at: number,
  ): Identified & { readonly notBefore?: number } {
    let leaf: LeafFacts;
    try {
      leaf = readLeaf(der);
    } catch {
      return { ok: false, refusal: "malformed-certificate" };
    }
    const svid = readSvid(leaf);
    if (typeof svid === "string") return { ok: false, refusal: svid };
    const domain = this.#trust.domainOf(svid.trustDomain);
    if (domain === undefined) return { ok: false, refusal: "untrusted-domain" };
    const others = chain();
    if (this.#trust.federated && !this.#vouched(domain, der, others, at)) {
      return { ok: false, refusal: "foreign-authority" };
    }
    return {
      ok: true,
      workload: { spiffe: svid, notAfter: leaf.notAfter, leaf: der, chain: others },
      notBefore: leaf.notBefore,
    };
  }

  /** Whether this trust still vouches for a workload that was identified under another. */
  stillVouched(workload: WorkloadIdentity, at: number): boolean {
    const domain = this.#trust.domainOf(workload.spiffe.trustDomain);
    return domain !== undefined && this.#vouched(domain, workload.leaf, workload.chain, at);
  }

  #vouched(domain: string, leaf: Uint8Array, chain: readonly Uint8Array[], at: number): boolean {
    try {
      const others = chain.map((der) => new X509Certificate(der));
      return this.#trust.vouches(domain, new X509Certificate(leaf), others, at);
    } catch {
      return false;
    }
  }
}

/** The rules of X.509-SVID for a leaf: exactly one URI name, a SPIFFE ID; no CA; a key that signs, and signs no certificate. */
export function readSvid(leaf: LeafFacts): SpiffeId | IdentifyRefusal {
  const [uri, ...more] = leaf.uris;
  if (uri === undefined) return "no-spiffe-id";
  if (more.length > 0) return "several-uris";
  const spiffe = parseSpiffeId(uri);
  if (!spiffe) return "malformed-spiffe-id";
  if (leaf.ca) return "ca-certificate";
  const usage = leaf.keyUsage;
  if (!usage?.digitalSignature || usage.keyCertSign || usage.crlSign) return "key-usage";
  return spiffe;
}
