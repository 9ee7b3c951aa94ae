import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { PrincipalChain } from "../../policy/decide/index.ts";
import type { Connection } from "../connection.ts";
import type { WorkloadIdentity } from "../identify.ts";
import type { TrustStore } from "../identity/trust-store.ts";
import { serviceOf } from "./admit.ts";
import type { TransportFacts } from "./transport.ts";

/** What a finished TLS handshake offers, whichever kind of socket it was on. */
export interface Handshake {
  /** TLS verified the peer's chain against the trust bundles. */
  readonly verified: boolean;
  /** Which bundles those were: the listener's, which may be about to be replaced. */
  readonly trust: TrustStore;
  /** Why it did not. */
  readonly error: string | undefined;
  /** DER of the peer's leaf. */
  leaf(): Uint8Array | undefined;
  /** DER of the certificates after it. */
  chain(): readonly Uint8Array[];
  readonly sni: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly resumed: boolean;
}

/** Turns a handshake into a workload and hands the connection on, or ends it. */
export function identifyClient(connection: Connection, listener: ProxyListener, handshake: Handshake): void {
  if (connection.phase !== "identify") return;
  const needed =
    listener.mode === "mtls" || (listener.mode === "connect" && listener.clientCertificate === "require");
  const asked = needed || (listener.mode === "connect" && listener.clientCertificate === "request");
  const leaf = asked ? handshake.leaf() : undefined;
  if (!leaf) {
    if (needed) {
      connection.finish("handshake-failed", handshake.error ?? "no client certificate");
      return;
    }
    proceed(connection, listener, undefined, handshake);
    return;
  }
  // Nothing in a certificate is looked at before its chain is verified.
  if (!handshake.verified) {
    connection.finish("handshake-failed", handshake.error ?? "the certificate is not verified");
    return;
  }
  const { identifier, trust } = connection.state.generation;
  const now = Date.now();
  const found = identifier.identify(leaf, () => handshake.chain(), now);
  if (!found.ok) {
    connection.finish("handshake-failed", found.refusal);
    return;
  }
  // A handshake that was under way when a bundle was withdrawn was verified against what is trusted no more.
  if (handshake.trust.fingerprint !== trust.fingerprint && !identifier.stillVouched(found.workload, now)) {
    connection.finish("handshake-failed", "foreign-authority");
    return;
  }
  proceed(connection, listener, found.workload, handshake);
}

function proceed(
  connection: Connection,
  listener: ProxyListener,
  workload: WorkloadIdentity | undefined,
  handshake: Handshake,
): void {
  connection.state.metrics.handshake(listener.name, handshake.resumed);
  const transport: TransportFacts = {
    workload,
    sni: handshake.sni,
    tlsVersion: handshake.tlsVersion,
    resumed: handshake.resumed,
  };
  if (listener.mode === "connect") {
    connection.awaitHead(transport, listener);
    return;
  }
  // Neither comes here: the one is not terminated, the other judges each of its streams.
  if (listener.mode === "passthrough" || listener.mode === "hbone") return;
  const target = serviceOf(connection.state, listener);
  if (!target) {
    connection.finish("denied", "the service is no longer declared");
    return;
  }
  if (listener.mode === "tls" && listener.passwordToken) {
    connection.awaitPassword(transport, target);
    return;
  }
  connection.identified(transport, target.service, target.port, principalOf(connection, workload));
}

/** The chain of somebody who showed a certificate and nothing else. An agent may be known by its SPIFFE ID. */
export function principalOf(connection: Connection, workload: WorkloadIdentity | undefined): PrincipalChain {
  if (!workload) return {};
  const { id } = workload.spiffe;
  const agent = connection.state.generation.agentByWorkload.get(id);
  return agent === undefined ? { workload: id } : { workload: id, agent };
}
