import type { BunSocket, PeerCertificate } from "./bun.ts";

/** DER of the peer's leaf; undefined when it showed none. */
export function peerLeaf(socket: BunSocket<unknown>): Uint8Array | undefined {
  return socket.getPeerX509Certificate()?.raw;
}

/** DER of the certificates after the leaf, in order. */
export function peerChain(socket: BunSocket<unknown>): Uint8Array[] {
  return issuersOf(socket.getPeerCertificate(false));
}

/** DER of a certificate's issuers, as a TLS socket links them; the root links to itself. */
export function issuersOf(leaf: PeerCertificate | undefined): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<PeerCertificate>();
  let next = leaf?.issuerCertificate;
  while (next?.raw && !seen.has(next) && chain.length < 8) {
    seen.add(next);
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}
