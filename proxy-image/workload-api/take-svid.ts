import { createPrivateKey, X509Certificate } from "node:crypto";
import { readSvid } from "../identify.ts";
import { readLeaf } from "../identity/certificate.ts";
import { elementAt } from "../identity/der.ts";
import { pemOf } from "../identity/pem.ts";
import { TrustStore } from "../identity/trust-store.ts";
import type { IssuedCertificate } from "../istiod/issue.ts";
import type { SvidUpdate } from "./message.ts";

/** What the proxy asks of an update. */
export interface Wanted {
  readonly trustDomain: string;
  /** Which SVID, by its hint. @default the first, which the API calls the default one */
  readonly hint: string | undefined;
}

/**
 * Takes one identity, and the bundles that come with it, out of an update.
 *
 * @param at epoch milliseconds
 * @throws Error that says what is wrong with it; nothing of such an update is used
 */
export function takeSvid(update: SvidUpdate, { trustDomain, hint }: Wanted, at: number): IssuedCertificate {
  const offered = hint === undefined ? update.svids[0] : update.svids.find((svid) => svid.hint === hint);
  if (!offered) {
    const hints = update.svids.map((svid) => `"${svid.hint}"`).join(", ");
    throw new Error(
      hint === undefined
        ? "no SVID is offered"
        : `no SVID with the hint "${hint}" is offered, only ${hints || "none"}`,
    );
  }
  const [leaf, ...intermediates] = certificatesOf(offered.chain);
  if (!leaf) throw new Error("the SVID holds no certificate");
  const facts = readLeaf(leaf);
  const id = readSvid(facts);
  if (typeof id === "string") throw new Error(`the certificate is no X.509-SVID: ${id}`);
  if (id.id !== offered.spiffeId) {
    throw new Error(`the certificate names ${id.id}, and the API says ${offered.spiffeId}`);
  }
  if (id.trustDomain !== trustDomain) {
    throw new Error(`the SVID is ${id.id}, which is not in trust domain "${trustDomain}"`);
  }
  const certificate = new X509Certificate(leaf);
  const key = createPrivateKey({ key: Buffer.from(offered.key), format: "der", type: "pkcs8" });
  if (!certificate.checkPrivateKey(key)) throw new Error("the SVID does not belong to its private key");
  const bundle = pemText(offered.bundle);
  const trust = new TrustStore(trustDomain, [], new Map([[trustDomain, bundle]]));
  const issuers = intermediates.map((der) => new X509Certificate(der));
  if (!trust.vouches(trustDomain, certificate, issuers, at)) {
    throw new Error("the SVID does not chain to the bundle that came with it");
  }
  return {
    cert: pemText(offered.chain),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    bundle,
    federated: new Map(
      [...update.federated].map(([domain, der]) => [domain.replace(/^spiffe:\/\//, ""), pemText(der)]),
    ),
    trustDomain,
    notAfter: facts.notAfter,
  };
}

function pemText(der: Uint8Array): string {
  return certificatesOf(der)
    .map((certificate) => pemOf("CERTIFICATE", certificate))
    .join("");
}

/** The certificates of a row of DER, which says of each how long it is. */
function certificatesOf(der: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < der.length; ) {
    const { end } = elementAt(der, at, der.length);
    found.push(der.subarray(at, end));
    at = end;
  }
  return found;
}
