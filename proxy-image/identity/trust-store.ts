import { X509Certificate } from "node:crypto";
import { certificateBlocks } from "./pem.ts";

/** Certificates of the longest path looked at, without its root. */
const MAX_PATH = 6;

/** Certificates behind a leaf: more are not looked at, whatever they are. */
const MOST_ISSUERS = 8;

/** The CA certificates of each trust domain. Immutable; a reload makes a new one. */
export class TrustStore {
  readonly trustDomain: string;
  readonly aliases: ReadonlySet<string>;
  /** All CA certificates as PEM: what TLS verifies a chain against, before it is known whom the leaf names. */
  readonly allPem: readonly string[];
  /** Equal for stores that trust the same; any difference shows. */
  readonly fingerprint: string;
  readonly #anchors: ReadonlyMap<string, readonly X509Certificate[]>;

  /**
   * @param bundles PEM text by trust domain
   * @throws Error when a bundle holds no certificate, or one that cannot be read or is no CA
   */
  constructor(trustDomain: string, aliases: readonly string[], bundles: ReadonlyMap<string, string>) {
    this.trustDomain = trustDomain;
    this.aliases = new Set(aliases);
    const anchors = new Map<string, X509Certificate[]>();
    for (const [domain, pem] of bundles) anchors.set(domain, readBundle(domain, pem));
    this.#anchors = anchors;
    this.allPem = [...anchors.values()].flat().map((certificate) => certificate.toString());
    const parts = [...anchors].map(([domain, list]) => [
      domain,
      ...list.map(({ fingerprint256 }) => fingerprint256),
    ]);
    this.fingerprint = JSON.stringify([trustDomain, [...aliases].sort(), parts.sort()]);
  }

  /** True when TLS verification alone proves nothing about the trust domain, because several vouch. */
  get federated(): boolean {
    return this.#anchors.size > 1;
  }

  /** The trust domain by whose bundle a name must be vouched for; undefined for one that is not trusted. */
  domainOf(trustDomain: string): string | undefined {
    const real = this.aliases.has(trustDomain) ? this.trustDomain : trustDomain;
    return this.#anchors.has(real) ? real : undefined;
  }

  /**
   * True when the leaf chains to a CA of this domain's own bundle. TLS has verified it against all bundles together;
   * this is what keeps the CA of one domain from naming workloads of another (SPIFFE Federation, section 5).
   *
   * @param chain certificates that the peer sent after its leaf, in any order
   * @param at epoch milliseconds
   */
  vouches(domain: string, leaf: X509Certificate, chain: readonly X509Certificate[], at: number): boolean {
    const anchors = this.#anchors.get(domain) ?? [];
    return chain.length <= MOST_ISSUERS && hasPath(leaf, anchors, chain, at);
  }
}

/**
 * Level by level, each certificate of the chain once: what a peer sends may be copies of one, or lead to each other, and to
 * try each behind each is a search that seven copies of a root make last for seconds.
 */
function hasPath(
  leaf: X509Certificate,
  anchors: readonly X509Certificate[],
  chain: readonly X509Certificate[],
  at: number,
): boolean {
  let reached = [leaf];
  let others = chain;
  for (let length = 1; length <= MAX_PATH && reached.length > 0; length++) {
    if (reached.some((one) => anchors.some((anchor) => issued(anchor, one, at)))) return true;
    const next = others.filter((issuer) => reached.some((one) => issued(issuer, one, at)));
    others = others.filter((one) => !next.includes(one));
    reached = next;
  }
  return false;
}

function issued(issuer: X509Certificate, certificate: X509Certificate, at: number): boolean {
  return (
    issuer.ca &&
    Date.parse(issuer.validFrom) <= at &&
    at < Date.parse(issuer.validTo) &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey)
  );
}

function readBundle(domain: string, pem: string): X509Certificate[] {
  const blocks = certificateBlocks(pem);
  if (blocks.length === 0) throw new Error(`the bundle of trust domain "${domain}" holds no certificate`);
  return blocks.map((block, index) => {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(block);
    } catch (cause) {
      throw new Error(`certificate ${index + 1} of the bundle of "${domain}" cannot be read`, { cause });
    }
    if (!certificate.ca) {
      throw new Error(`certificate ${index + 1} of the bundle of "${domain}" is not a CA certificate`);
    }
    return certificate;
  });
}
