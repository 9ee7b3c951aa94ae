import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import { bindOf, inlineProtocol, nextSerial, type OpenListener } from "../accept.ts";
import { Connection } from "../connection.ts";
import {
  isSslRequest,
  readPacket,
  writeError,
  writeGreeting,
  writePacket,
} from "../protocol/mysql-packets.ts";
import { readPostgresOpening } from "../protocol/postgres-opening.ts";
import { NodeStream } from "../runtime/node-stream.ts";
import type { Generation, ProxyState } from "../state.ts";
import { currentListener, refusalAtAccept } from "./admit.ts";
import { handshakePace } from "./handshake-pace.ts";
import { identifyClient } from "./identify-client.ts";
import { Preamble } from "./preamble.ts";
import { handshakeOf, secureContextOf } from "./server-context.ts";

/**
 * Accepts where something comes before TLS: a PROXY header, or PostgreSQL's SSLRequest. A raw Bun socket cannot turn
 * into TLS on the accepting side, a Node socket can; it is slower, so only ports that need it are opened this way.
 */
export async function openStagedListener(state: ProxyState, bound: ProxyListener): Promise<OpenListener> {
  // Made for the first client of a generation: a new certificate needs no new port here.
  let made: { context: SecureContext; of: Generation } | undefined;
  const context = (): SecureContext => {
    if (made?.of !== state.generation) {
      made = { context: secureContextOf(state, currentListener(state, bound)), of: state.generation };
    }
    return made.context;
  };
  context();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const refusal = refusalAtAccept(state);
    if (refusal !== undefined) {
      state.metrics.refusedAtAccept(bound.name, refusal);
      socket.destroy();
      return;
    }
    const listener = currentListener(state, bound);
    const peer = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
    new StagedClient(
      socket,
      new Connection(state, listener, new NodeStream(socket), peer),
      listener,
      context,
    );
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
    },
  };
}

/** One client from its first byte to its TLS handshake. */
class StagedClient {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #listener: ProxyListener;
  readonly #context: () => SecureContext;
  readonly #preamble: Preamble;
  readonly #inline: "postgres" | "mysql" | undefined;
  #secured = false;
  #error: string | undefined;

  constructor(socket: Socket, connection: Connection, listener: ProxyListener, context: () => SecureContext) {
    this.#socket = socket;
    this.#connection = connection;
    this.#listener = listener;
    this.#context = context;
    this.#inline = inlineTlsOf(connection.state, listener);
    this.#preamble = new Preamble(connection, listener);
    this.#preamble.next((bytes) => this.#beforeTls(bytes));
    if (this.#inline === "mysql" && !listener.proxyProtocol) this.#greet();
    socket.on("data", this.#onData);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    socket.on("end", () => {
      if (!this.#secured) connection.ended();
    });
    socket.on("close", () => {
      if (!this.#secured) connection.closed(this.#error);
    });
  }

  readonly #onData = (data: Uint8Array): void => {
    this.#preamble.push(data);
  };

  #beforeTls(bytes: Uint8Array): boolean {
    if (this.#inline === "mysql") return this.#beforeMysqlTls(bytes);
    if (bytes.length === 0) return false;
    if (!this.#inline) {
      this.#startTls(bytes);
      return true;
    }
    return this.#beforePostgresTls(bytes);
  }

  /** MySQL's server speaks first: the proxy greets for it, only to offer TLS; see `mysql-login.ts`. */
  #greet(): void {
    if (this.#connection.mysqlGreeted) return;
    this.#connection.mysqlGreeted = true;
    // The version tells clients which dialect to speak; both kinds of client understand this one.
    const greeting = writeGreeting("8.0.0-portreeve", this.#connection.acceptedAt & 0x7fffffff, scramble());
    this.#socket.write(writePacket(0, greeting));
  }

  #beforeMysqlTls(bytes: Uint8Array): boolean {
    this.#greet();
    try {
      const packet = readPacket(bytes);
      if (!packet) return false;
      if (!isSslRequest(packet.payload)) {
        this.#socket.write(
          writePacket(
            2,
            writeError(1045, "28000", "portreeve: this port needs TLS with a client certificate"),
          ),
        );
        this.#connection.finish("protocol-refused", "MySQL without TLS");
        return true;
      }
      // The ClientHello may come in one piece with the request; anything else there fails as TLS.
      const rest = bytes.subarray(packet.length);
      this.#preamble.restart(rest);
      this.#preamble.next((hello) => {
        if (hello.length === 0) return false;
        this.#startTls(hello);
        return true;
      });
      return false;
    } catch (error) {
      this.#connection.finish("protocol-refused", error instanceof Error ? error.message : String(error));
      return true;
    }
  }

  #beforePostgresTls(bytes: Uint8Array): boolean {
    const opening = readPostgresOpening(bytes);
    switch (opening.state) {
      case "more":
        return false;
      case "tls":
        this.#startTls(bytes);
        return true;
      case "ssl-request":
        if (bytes.length > opening.length) {
          // Bytes behind the request were not protected by the TLS that it asks for (CVE-2021-23222).
          this.#connection.finish("protocol-refused", "data before TLS");
          return true;
        }
        this.#socket.write("S");
        this.#preamble.restart();
        this.#preamble.next((next) => {
          if (next.length === 0) return false;
          this.#startTls(next);
          return true;
        });
        return false;
      case "gssenc-request":
        // "N": not offered; the client goes on with SSLRequest on the same connection.
        this.#socket.write("N");
        this.#preamble.restart(bytes.subarray(opening.length));
        return false;
      case "plain":
        this.#connection.finish(
          "protocol-refused",
          "PostgreSQL without TLS; use sslmode=require or stricter",
        );
        return true;
      case "bad":
        this.#connection.finish("protocol-refused", opening.why);
        return true;
    }
  }

  #startTls(bytes: Uint8Array): void {
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.pause();
    socket.unshift(bytes);
    let held = false;
    handshakePace.begin({
      pause: () => {
        held = true;
      },
      resume: () => this.#handshake(),
    });
    if (!held) this.#handshake();
  }

  #handshake(): void {
    // It may have gone, or taken too long, while others had their turn.
    if (this.#connection.phase !== "identify" || this.#socket.destroyed) return;
    const socket = this.#socket;
    this.#secured = true;
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#context(),
      requestCert: this.#listener.mode !== "tls",
      // Judged by `identifyClient`, which records why.
      rejectUnauthorized: false,
    });
    const { trust } = this.#connection.state.generation;
    const stream = new NodeStream(secure);
    this.#connection.replaceClient(stream);
    stream.attach(this.#connection);
    secure.once("secure", () => {
      identifyClient(this.#connection, this.#listener, handshakeOf(secure, trust));
    });
  }
}

/** 20 bytes without a zero, as the protocol wants them. */
function scramble(): Uint8Array {
  return randomBytes(20).map((byte) => (byte % 127) + 1);
}

function inlineTlsOf(state: ProxyState, listener: ProxyListener): "postgres" | "mysql" | undefined {
  if (listener.mode !== "mtls" && listener.mode !== "tls") return undefined;
  const service = state.services.get(listener.service)?.config;
  return service && inlineProtocol(service, listener.servicePort);
}
