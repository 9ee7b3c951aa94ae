import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { PrincipalChain } from "../../policy/decide/index.ts";
import { bindOf, nextSerial, type OpenListener } from "../accept.ts";
import { Connection } from "../connection.ts";
import { readClientHello } from "../protocol/client-hello.ts";
import { type BunSocket, requireBun, type SocketHandlers } from "../runtime/bun.ts";
import type { Peer } from "../runtime/native/native-listener.ts";
import { nativeSockets } from "../runtime/native/sockets.ts";
import type { Stream } from "../runtime/stream.ts";
import type { ProxyState } from "../state.ts";
import { currentListener, refusalAtAccept, serviceOf } from "./admit.ts";
import { ClientSide } from "./client-side.ts";
import { Preamble } from "./preamble.ts";
import { sniRoute } from "./sni-route.ts";
import type { TransportFacts } from "./transport.ts";

/** A client before its service is known; afterwards its bytes go straight to the connection. */
interface RawClient {
  readonly connection: Connection;
  preamble: Preamble | undefined;
}

/** Accepts without TLS of our own: plaintext on loopback, or TLS that is passed through by its server name. */
export function openRawListener(state: ProxyState, listener: ProxyListener): OpenListener {
  return openNative(state, listener) ?? openRuntimes(state, listener);
}

/** On sockets that the proxy drives itself; undefined where there are none. */
function openNative(state: ProxyState, listener: ProxyListener): OpenListener | undefined {
  const server = nativeSockets?.listen(bindOf(listener), listener.port, (socket, peer) => {
    if (refused(state, listener)) {
      socket.terminate();
      return;
    }
    const client = accepted(state, listener, socket, peer);
    socket.attach(client.preamble ? new PreambleSide(client) : client.connection);
  });
  if (!server) return undefined;
  return {
    port: server.port,
    descriptor: server.descriptor,
    serial: nextSerial(),
    stop: () => server.stop(),
  };
}

/** On the runtime's sockets. */
function openRuntimes(state: ProxyState, listener: ProxyListener): OpenListener {
  const handlers: SocketHandlers<RawClient | undefined> = {
    open(socket) {
      if (refused(state, listener)) {
        socket.data = undefined;
        socket.terminate();
        return;
      }
      const peer = { address: socket.remoteAddress, port: socket.remotePort };
      socket.data = accepted(state, listener, socket as BunSocket<unknown>, peer);
    },
    data(socket, data) {
      if (socket.data) receive(socket.data, data);
    },
    drain(socket) {
      socket.data?.connection.drain();
    },
    end(socket) {
      socket.data?.connection.ended();
    },
    close(socket, error) {
      socket.data?.connection.closed(error?.code);
    },
    error(socket, error) {
      // What the network does is told by a close. This is what one of the handlers above has thrown.
      socket.data?.connection.threw(error);
    },
  };
  const server = requireBun().listen<RawClient | undefined>({
    hostname: bindOf(listener),
    port: listener.port,
    reusePort: true,
    allowHalfOpen: true,
    socket: handlers,
  });
  return { port: server.port, descriptor: server.fd, serial: nextSerial(), stop: () => server.stop() };
}

function refused(state: ProxyState, listener: ProxyListener): boolean {
  const refusal = refusalAtAccept(state);
  if (refusal !== undefined) state.metrics.refusedAtAccept(listener.name, refusal);
  return refusal !== undefined;
}

function receive(client: RawClient, data: Uint8Array): void {
  if (!client.preamble) client.connection.data(data);
  else if (client.preamble.push(data)) client.preamble = undefined;
}

/** A client that says something before its connection begins. */
class PreambleSide extends ClientSide {
  readonly #client: RawClient;

  constructor(client: RawClient) {
    super(client.connection);
    this.#client = client;
  }

  override pass(borrowed: Uint8Array): number {
    return this.#client.preamble ? 0 : super.pass(borrowed);
  }

  override data(data: Uint8Array): void {
    receive(this.#client, data);
  }
}

function accepted(state: ProxyState, bound: ProxyListener, socket: Stream, peer: Peer): RawClient {
  const listener = currentListener(state, bound);
  const connection = new Connection(state, listener, socket, peer);
  // Nothing comes before the connection's own bytes.
  if (listener.mode === "plaintext-loopback" && !listener.proxyProtocol) {
    startPlaintext(connection, listener);
    return { connection, preamble: undefined };
  }
  const preamble = new Preamble(connection, listener);
  if (listener.mode === "passthrough") preamble.next(readServerName(connection, listener));
  else {
    preamble.next((bytes) => {
      startPlaintext(connection, listener);
      if (bytes.length > 0) connection.data(bytes);
      return true;
    });
  }
  return { connection, preamble: preamble.push(new Uint8Array(0)) ? undefined : preamble };
}

const ANONYMOUS: TransportFacts = {
  workload: undefined,
  sni: undefined,
  tlsVersion: undefined,
  resumed: false,
};

const NOBODY: PrincipalChain = {};

function startPlaintext(connection: Connection, listener: ProxyListener): void {
  const target = listener.mode === "plaintext-loopback" ? serviceOf(connection.state, listener) : undefined;
  if (target) connection.identified(ANONYMOUS, target.service, target.port, NOBODY);
  else connection.finish("denied", "the service is no longer declared");
}

function readServerName(
  connection: Connection,
  listener: Extract<ProxyListener, { mode: "passthrough" }>,
): (bytes: Uint8Array) => boolean {
  return (bytes) => {
    const hello = readClientHello(bytes);
    switch (hello.state) {
      case "more":
        return false;
      case "bad":
        connection.finish("protocol-refused", hello.why);
        return true;
      case "done": {
        const route = sniRoute(listener.routes, hello.sni);
        const target = route && serviceOf(connection.state, route);
        if (!target) {
          connection.finish(
            "denied",
            hello.sni === undefined ? "no server name" : `no route for ${hello.sni}`,
          );
          return true;
        }
        connection.identified({ ...ANONYMOUS, sni: hello.sni }, target.service, target.port, {});
        connection.data(bytes);
        return true;
      }
    }
  };
}
