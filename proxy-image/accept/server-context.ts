import { createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { TrustStore } from "../identity/trust-store.ts";
import { issuersOf } from "../runtime/peer.ts";
import type { ProxyState } from "../state.ts";
import type { Handshake } from "./identify-client.ts";
import { serverTls } from "./tls-listener.ts";

/** TLS of a listener for a Node socket. */
export function secureContextOf(state: ProxyState, listener: ProxyListener): SecureContext {
  const { cert, key, ca } = serverTls(state, listener);
  const oldest = "minVersion" in listener && listener.minVersion === "1.2" ? "TLSv1.2" : "TLSv1.3";
  return createSecureContext({ cert, key, ...(ca ? { ca: [...ca] } : {}), minVersion: oldest });
}

/**
 * What a Node socket's finished handshake offers.
 *
 * @param trust the bundles that it was verified against
 */
export function handshakeOf(socket: TLSSocket, trust: TrustStore): Handshake {
  // Typed as an Error, and in fact the code of one on some runtimes.
  const refused = socket.authorizationError as unknown;
  return {
    verified: socket.authorized,
    trust,
    error: refused instanceof Error ? refused.message : typeof refused === "string" ? refused : undefined,
    leaf: () => socket.getPeerX509Certificate()?.raw,
    chain: () => issuersOf(socket.getPeerCertificate(true)),
    sni: serverNameOf(socket),
    tlsVersion: socket.getProtocol() ?? undefined,
    resumed: socket.isSessionReused(),
  };
}

function serverNameOf(socket: TLSSocket): string | undefined {
  const name = "servername" in socket ? socket.servername : undefined;
  return typeof name === "string" && name !== "" ? name : undefined;
}
