import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import { bindOf, nextSerial, type OpenListener } from "../accept.ts";
import { Connection } from "../connection.ts";
import {
  type BunSocket,
  NO_TLS_BELOW_1_2,
  NO_TLS_BELOW_1_3,
  requireBun,
  type SocketHandlers,
  type TlsOptions,
} from "../runtime/bun.ts";
import { peerChain, peerLeaf } from "../runtime/peer.ts";
import type { ProxyState } from "../state.ts";
import { currentListener, refusalAtAccept } from "./admit.ts";
import { handshakePace } from "./handshake-pace.ts";
import { identifyClient } from "./identify-client.ts";
import { openRustlsListener } from "./rustls-listener.ts";

/** Accepts TLS from the first byte: by rustls where its library is there, else on one of the runtime's own sockets. */
export function openTlsListener(state: ProxyState, listener: ProxyListener): OpenListener {
  const tls = serverTls(state, listener);
  return openRustlsListener(state, listener, tls) ?? openRuntimes(state, listener, tls);
}

function openRuntimes(state: ProxyState, listener: ProxyListener, tls: TlsOptions): OpenListener {
  const { trust } = state.generation;
  const handlers: SocketHandlers<Connection | undefined> = {
    open(socket) {
      const refusal = refusalAtAccept(state);
      if (refusal !== undefined) {
        state.metrics.refusedAtAccept(listener.name, refusal);
        socket.data = undefined;
        socket.terminate();
        return;
      }
      const client = socket as BunSocket<unknown>;
      const peer = { address: socket.remoteAddress, port: socket.remotePort };
      socket.data = new Connection(state, currentListener(state, listener), client, peer);
      handshakePace.begin(client);
    },
    handshake(socket, success, error) {
      const connection = socket.data;
      if (!connection) return;
      if (!success && !peerLeaf(socket)) {
        connection.finish("handshake-failed", error?.code ?? error?.message ?? "TLS");
        return;
      }
      identifyClient(connection, connection.listener, {
        verified: socket.authorized,
        trust,
        error: error?.code,
        leaf: () => peerLeaf(socket),
        chain: () => peerChain(socket),
        sni: socket.getServername() || undefined,
        tlsVersion: socket.getTLSVersion() ?? undefined,
        resumed: socket.isSessionReused(),
      });
    },
    data(socket, data) {
      socket.data?.data(data);
    },
    drain(socket) {
      socket.data?.drain();
    },
    end(socket) {
      socket.data?.ended();
    },
    close(socket, error) {
      socket.data?.closed(error?.code);
    },
    error(socket, error) {
      // What the network does is told by a close. This is what one of the handlers above has thrown.
      socket.data?.finish("internal-error", error.message);
    },
  };
  const server = requireBun().listen<Connection | undefined>({
    hostname: bindOf(listener),
    port: listener.port,
    reusePort: true,
    allowHalfOpen: true,
    tls,
    socket: handlers,
  });
  return { port: server.port, descriptor: server.fd, serial: nextSerial(), stop: () => server.stop() };
}

/** TLS of a listener: its certificate, and whose clients it accepts. */
export function serverTls(state: ProxyState, listener: ProxyListener): TlsOptions {
  const { loaded, trust } = state.generation;
  const pair = loaded.listenerCertificates.get(listener.name) ?? loaded.certificate;
  if (!pair) throw new Error("there is no certificate yet");
  const { cert, key } = pair;
  const wantsClient =
    listener.mode === "mtls" ||
    listener.mode === "hbone" ||
    (listener.mode === "connect" && listener.clientCertificate !== "none");
  const mustHave =
    listener.mode === "mtls" ||
    listener.mode === "hbone" ||
    (listener.mode === "connect" && listener.clientCertificate === "require");
  const oldest =
    "minVersion" in listener && listener.minVersion === "1.2" ? NO_TLS_BELOW_1_2 : NO_TLS_BELOW_1_3;
  return {
    cert,
    key,
    secureOptions: oldest,
    ...(wantsClient ? { ca: trust.allPem, requestCert: true, rejectUnauthorized: mustHave } : {}),
  };
}
