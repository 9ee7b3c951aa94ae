import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ProxyCertificate } from "../../policy/compile/proxy/config.ts";
import { readLeaf } from "../identity/certificate.ts";
import { requestFor } from "../identity/certificate-request.ts";
import { certificateBlocks } from "../identity/pem.ts";
import { parseSpiffeId } from "../identity/spiffe.ts";
import { TrustStore } from "../identity/trust-store.ts";
import { readCertificateChain, writeCertificateRequest } from "./message.ts";
import { callUnary } from "./unary-call.ts";

export type IstiodSource = Extract<ProxyCertificate, { source: "istiod" }>;

/** A certificate that istiod signed, or the SPIFFE Workload API gave, for this process. */
export interface IssuedCertificate {
  /** PEM: the leaf, then intermediates. */
  readonly cert: string;
  /** PEM. In memory only. */
  readonly key: string;
  /** PEM: the mesh's roots, the bundle of the own trust domain. */
  readonly bundle: string;
  /** PEM by trust domain: of others, as far as the source gives them. */
  readonly federated: ReadonlyMap<string, string>;
  readonly trustDomain: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

const METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
const TIMEOUT_MS = 10_000;

/**
 * Asks istiod's CA for a certificate: a key of its own each time, the token and the CA file read anew, because kubelet
 * replaces both.
 *
 * @throws Error that says what istiod or the file refused; the key is forgotten then
 */
export async function issue(source: IstiodSource, trustDomain: string): Promise<IssuedCertificate> {
  const token = readFileSync(source.token, "utf8").trim();
  const { csr, privateKey } = requestFor(spiffeIdOf(token, trustDomain));
  const answer = await callUnary({
    address: source.address,
    serverName: source.serverName ?? hostOf(source.address),
    ca: readFileSync(source.ca, "utf8"),
    method: METHOD,
    metadata: { authorization: `Bearer ${token}`, clusterid: source.clusterId },
    message: writeCertificateRequest(csr, Math.ceil(source.lifetime / 1_000)),
    timeout: TIMEOUT_MS,
  });
  const chain = readCertificateChain(answer);
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const [first, ...intermediates] = chain.slice(0, -1).flatMap(certificateBlocks);
  // All roots are one element: during a rotation of the root there are several.
  const bundle = chain.at(-1) ?? "";
  if (first === undefined) throw new Error("the answer is no chain from a leaf to a root");
  const leaf = new X509Certificate(first);
  if (!leaf.checkPrivateKey(privateKey)) throw new Error("the certificate is not for the key of the request");
  const { uris, notAfter } = readLeaf(leaf.raw);
  const id = uris.length === 1 ? parseSpiffeId(uris[0] ?? "") : undefined;
  if (id?.trustDomain !== trustDomain) {
    throw new Error(
      `the certificate names ${uris.join(", ") || "nobody"}, which is not in trust domain "${trustDomain}"`,
    );
  }
  const trust = new TrustStore(trustDomain, [], new Map([[trustDomain, bundle]]));
  const issuers = intermediates.map((block) => new X509Certificate(block));
  if (!trust.vouches(trustDomain, leaf, issuers, Date.now())) {
    throw new Error("the certificate does not chain to the root that came with it");
  }
  return {
    cert: `${[first, ...intermediates].join("\n")}\n`,
    key,
    bundle,
    federated: new Map(),
    trustDomain,
    notAfter,
  };
}

/** Whose token it is, by its `sub`: only to write the request; istiod verifies the token and decides. */
function spiffeIdOf(token: string, trustDomain: string): string {
  const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(subjectOf(token) ?? "");
  if (!match) throw new Error("the token file does not hold a Kubernetes service-account token");
  return `spiffe://${trustDomain}/ns/${match[1]}/sa/${match[2]}`;
}

function subjectOf(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    if (typeof claims !== "object" || claims === null || !("sub" in claims)) return undefined;
    return typeof claims.sub === "string" ? claims.sub : undefined;
  } catch {
    return undefined;
  }
}

function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
  if (isIP(host)) throw new Error("an address that is an IP needs serverName");
  return host;
}
