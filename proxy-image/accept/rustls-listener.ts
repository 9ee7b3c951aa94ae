import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import { bindOf, nextSerial, type OpenListener } from "../accept.ts";
import { Connection } from "../connection.ts";
import type { TrustStore } from "../identity/trust-store.ts";
import { NO_TLS_BELOW_1_2, type TlsOptions } from "../runtime/bun.ts";
import type { NativeListener, Peer } from "../runtime/native/native-listener.ts";
import type { NativeSocket } from "../runtime/native/native-socket.ts";
import { nativeSockets } from "../runtime/native/sockets.ts";
import type { HandshakeFacts } from "../runtime/rustls/handshake-facts.ts";
import { rustls } from "../runtime/rustls/library.ts";
import { RustlsSocket, type TlsEvents } from "../runtime/rustls/rustls-socket.ts";
import { ServerTls } from "../runtime/rustls/server-tls.ts";
import type { ProxyState } from "../state.ts";
import { currentListener, refusalAtAccept } from "./admit.ts";
import { ClientSide } from "./client-side.ts";
import { identifyClient } from "./identify-client.ts";

/** Accepts TLS from the first byte by rustls, on sockets that the proxy drives itself; undefined where there is neither. */
export function openRustlsListener(
  state: ProxyState,
  listener: ProxyListener,
  options: TlsOptions,
): OpenListener | undefined {
  if (!rustls || !nativeSockets) return undefined;
  const tls = new ServerTls(
    {
      cert: options.cert ?? "",
      key: options.key ?? "",
      roots: options.ca ?? [],
      client: clientOf(options),
      tls12: options.secureOptions === NO_TLS_BELOW_1_2,
    },
    Date.now(),
  );
  let server: NativeListener | undefined;
  try {
    const accepting = new Accepting(state, listener, tls);
    server = nativeSockets.listen(bindOf(listener), listener.port, (socket, peer) =>
      accepting.accepted(socket, peer),
    );
  } finally {
    if (!server) tls.close();
  }
  return (
    server && {
      port: server.port,
      descriptor: server.descriptor,
      serial: nextSerial(),
      stop: () => {
        server.stop();
        tls.close();
      },
    }
  );
}

function clientOf({ requestCert, rejectUnauthorized }: TlsOptions): "none" | "optional" | "required" {
  if (!requestCert) return "none";
  return rejectUnauthorized ? "required" : "optional";
}

/** What the connections of one open port have in common. */
class Accepting {
  readonly #state: ProxyState;
  readonly #listener: ProxyListener;
  readonly #tls: ServerTls;
  /** The bundles that the port verifies against. */
  readonly #trust: TrustStore;

  constructor(state: ProxyState, listener: ProxyListener, tls: ServerTls) {
    this.#state = state;
    this.#listener = listener;
    this.#tls = tls;
    this.#trust = state.generation.trust;
  }

  accepted(socket: NativeSocket, peer: Peer): void {
    const refusal = refusalAtAccept(this.#state);
    if (refusal !== undefined) {
      this.#state.metrics.refusedAtAccept(this.#listener.name, refusal);
      socket.terminate();
      return;
    }
    const listener = currentListener(this.#state, this.#listener);
    let client: RustlsSocket;
    try {
      client = new RustlsSocket(socket, this.#tls, Date.now());
    } catch (cause) {
      const connection = new Connection(this.#state, listener, socket, peer);
      socket.attach(connection);
      connection.finish("handshake-failed", cause instanceof Error ? cause.message : String(cause));
      return;
    }
    client.attach(new Client(new Connection(this.#state, listener, client, peer), this.#trust));
  }
}

/** A client over TLS: its handshake, and what may go wrong with TLS. */
class Client extends ClientSide implements TlsEvents {
  readonly #trust: TrustStore;

  constructor(connection: Connection, trust: TrustStore) {
    super(connection);
    this.#trust = trust;
  }

  handshaken({ certificates: [leaf, ...others], serverName, version, resumed }: HandshakeFacts): void {
    const { connection } = this;
    identifyClient(connection, connection.listener, {
      // rustls ends the handshake of a client whose certificate it has not verified.
      verified: leaf !== undefined,
      trust: this.#trust,
      error: undefined,
      leaf: () => leaf,
      chain: () => others,
      sni: serverName,
      tlsVersion: version,
      resumed,
    });
  }

  failed(why: string): void {
    const { connection } = this;
    connection.finish(
      connection.phase === "identify" && !connection.transport ? "handshake-failed" : "client-reset",
      why,
    );
  }

  cutShort(): void {
    const { connection } = this;
    connection.notes = { ...connection.notes, "tls.close_notify": "missing" };
  }
}
