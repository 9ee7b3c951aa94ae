import { performServerHandshake } from "node:http2";
import { createServer, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { refusalAtAccept } from "../accept/admit.ts";
import type { Handshake } from "../accept/identify-client.ts";
import { handshakeOf, secureContextOf } from "../accept/server-context.ts";
import { bindOf, nextSerial, type OpenListener } from "../accept.ts";
import { Connection } from "../connection.ts";
import type { WorkloadIdentity } from "../identify.ts";
import { NodeStream } from "../runtime/node-stream.ts";
import type { Generation, ProxyState } from "../state.ts";
import { type HboneListener, TunnelSession } from "./tunnel-session.ts";

/** A block of headers longer than this is refused; ztunnel accepts as much. */
const MAX_HEADERS = 16 * 1024;
/** Less is not allowed (RFC 9113, 6.9.2 has it as the default), more is not needed for one stream. */
const WINDOW = { least: 65_535, most: 1024 * 1024 };

/**
 * Accepts HBONE: TLS 1.3 with a client certificate, HTTP/2 inside, a CONNECT for each TCP connection (Istio's ambient
 * mesh). The port is never bound anew: a new certificate or bundle holds for the next connection, and those that are
 * there judge each stream by what is in force.
 */
export async function openTunnelListener(state: ProxyState, bound: HboneListener): Promise<OpenListener> {
  let made: { context: SecureContext; of: Generation } | undefined;
  const context = (): SecureContext => {
    if (made?.of !== state.generation)
      made = { context: secureContextOf(state, bound), of: state.generation };
    return made.context;
  };
  context();
  const sessions = new Set<TunnelSession>();
  const server = createServer({ noDelay: true }, (socket) => {
    const refusal = sessions.size >= state.maxConnections ? "connections" : refusalAtAccept(state);
    if (refusal !== undefined) {
      state.metrics.refusedAtAccept(bound.name, refusal);
      socket.destroy();
      return;
    }
    secure(state, bound, socket, context(), (secured, workload) => {
      const { bufferBytes } = state.generation.config.limits;
      const http = performServerHandshake(secured, {
        // A stream that is reset at once is gone and leaves room for another: without this, the bound on streams at a time
        // bounds no work (CVE-2023-44487). 1000 in a row, 33 a second for ever; then the connection is ended.
        streamResetBurst: 1_000,
        streamResetRate: 33,
        settings: {
          enableConnectProtocol: false,
          initialWindowSize: Math.min(Math.max(bufferBytes, WINDOW.least), WINDOW.most),
          maxConcurrentStreams: bound.maxStreams,
          maxHeaderListSize: MAX_HEADERS,
        },
      });
      const ends = {
        peer: { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 },
        localAddress: socket.localAddress ?? "",
      };
      const session = new TunnelSession(state, bound, http, workload, ends, () => sessions.delete(session));
      sessions.add(session);
    });
  });
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen({ host: bindOf(bound), port: bound.port, reusePort: true }, () => {
      server.off("error", failed);
      done();
    });
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : bound.port,
    descriptor: undefined,
    serial: nextSerial(),
    stop: () => {
      server.close();
      for (const session of sessions) session.leave();
    },
  };
}

/**
 * TLS and who is at the other end. Until that is known it is a connection like any other, with a deadline, a place among
 * the handshakes and a record when it fails; then it only carries others.
 */
function secure(
  state: ProxyState,
  bound: HboneListener,
  socket: Socket,
  context: SecureContext,
  identified: (secured: TLSSocket, workload: WorkloadIdentity) => void,
): void {
  const peer = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: context,
    requestCert: true,
    // Judged below, where it is recorded why.
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
  });
  const connection = new Connection(state, bound, new NodeStream(secured), peer);
  const { trust } = state.generation;
  let error: string | undefined;
  secured.on("error", (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.message;
  });
  socket.on("error", () => {});
  const closed = () => connection.closed(error);
  secured.once("close", closed);
  secured.once("secure", () => {
    if (connection.phase !== "identify") return;
    const handshake = handshakeOf(secured, trust);
    const found = workloadOf(state, handshake);
    if (typeof found === "string") {
      connection.finish("handshake-failed", found);
      return;
    }
    if (secured.alpnProtocol !== "h2") {
      connection.finish("protocol-refused", "HBONE is HTTP/2, and the client did not offer it");
      return;
    }
    state.metrics.handshake(bound.name, handshake.resumed);
    secured.off("close", closed);
    becomeCarrier(connection);
    identified(secured, found);
  });
}

/** The workload of a verified certificate, or why there is none. */
function workloadOf(state: ProxyState, handshake: Handshake): WorkloadIdentity | string {
  const leaf = handshake.leaf();
  if (!leaf) return "no client certificate";
  // Nothing in a certificate is looked at before its chain is verified.
  if (!handshake.verified) return handshake.error ?? "the certificate is not verified";
  const { identifier, trust } = state.generation;
  const now = Date.now();
  const found = identifier.identify(leaf, () => handshake.chain(), now);
  if (!found.ok) return found.refusal;
  const changed = trust.fingerprint !== handshake.trust.fingerprint;
  return changed && !identifier.stillVouched(found.workload, now) ? "foreign-authority" : found.workload;
}

/** It is no client's connection from here on, and has no record of its own: its streams have. */
function becomeCarrier(connection: Connection): void {
  const { state } = connection;
  connection.phase = "closed";
  state.live.delete(connection);
  state.handshakes -= 1;
  state.deadlines.remove(connection);
}
