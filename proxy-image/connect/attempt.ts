import { CLIENT_SSL, readGreeting, readPacket } from "../protocol/mysql-packets.ts";
import { type BunSocket, requireBun } from "../runtime/bun.ts";
import type { NativeSocket } from "../runtime/native/native-socket.ts";
import { nativeSockets } from "../runtime/native/sockets.ts";
import type { Stream, StreamEvents } from "../runtime/stream.ts";
import { tcpEvents, tlsEvents } from "./attempt-events.ts";
import type { Dial } from "./dial.ts";
import type { LaterTls } from "./later-tls.ts";

/** `SSLRequest` of PostgreSQL: length 8, code 80877103. */
const PG_SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f);

const NOTHING = new Uint8Array(0);

/** One address of a dial. */
export class Attempt {
  /** Let go of once connected: a connection lives long, and everything that it took to make it would live with it. */
  dial: Dial | undefined;
  readonly address: string;
  /** Where events go once connected. */
  events: StreamEvents | undefined;
  socket: { terminate(): void } | undefined;
  /** What a handshake that began later leads to. */
  onHandshake: ((socket: BunSocket<Attempt>) => void) | undefined;
  /** Waiting for what the endpoint says before TLS: PostgreSQL's one byte, MySQL's greeting. */
  awaitsUpgrade = false;
  #said: Uint8Array = NOTHING;
  /** TLS runs inside; the raw socket's own events are of no more interest, except that it broke. */
  upgraded = false;
  done = false;

  constructor(dial: Dial, address: string) {
    this.dial = dial;
    this.address = address;
  }

  start(): void {
    const port = this.dial?.target.port ?? 0;
    if (this.dial?.target.tls.used === false && this.#startNative(port)) return;
    // TLS is started by hand after the connection is there, since a PROXY header or a protocol's request goes first.
    requireBun()
      .connect<Attempt>({ hostname: this.address, port, allowHalfOpen: true, data: this, socket: tcpEvents })
      .catch(toldByEvent);
  }

  /** Without TLS, on a socket that the proxy drives itself; false where there is none. */
  #startNative(port: number): boolean {
    try {
      this.socket = nativeSockets?.connect(this.address, port, {
        connected: (socket) => this.#openedNative(socket),
        failed: (error) => this.fail(error),
      });
      return this.socket !== undefined;
    } catch (cause) {
      this.fail(cause instanceof Error ? cause.message : String(cause));
      return true;
    }
  }

  #openedNative(socket: NativeSocket): void {
    this.socket = socket;
    if (!this.#won(socket)) return;
    this.#finish(socket);
    if (this.events) socket.attach(this.events);
  }

  fail(error: string): void {
    if (this.done) return;
    this.done = true;
    this.socket?.terminate();
    this.dial?.attemptFailed(this, error);
  }

  /** The TCP connection is there: the first of its dial, with the PROXY header sent; else it is closed. */
  #won(socket: Stream): boolean {
    const { dial } = this;
    if (!dial?.wins(this)) {
      this.done = true;
      socket.terminate();
      return false;
    }
    const { preface } = dial.target;
    if (!preface) return true;
    // A fresh socket's buffer takes a few hundred bytes; one that does not is as good as broken.
    const header = preface(this.address);
    if (socket.write(header) === header.length) return true;
    this.fail("the PROXY header could not be sent");
    return false;
  }

  opened(socket: BunSocket<Attempt>): void {
    this.socket = socket;
    if (!this.#won(socket) || !this.dial) return;
    const { tls, protocol } = this.dial.target;
    if (!tls.used) {
      this.#finish(socket);
      return;
    }
    this.awaitsUpgrade = protocol === "postgres" || protocol === "mysql";
    if (protocol === "postgres") socket.write(PG_SSL_REQUEST);
    else if (!this.awaitsUpgrade) this.#startTls(socket);
  }

  upgradeAnswered(socket: BunSocket<Attempt>, data: Uint8Array): void {
    if (this.dial?.target.protocol === "mysql") {
      this.#mysqlGreeted(socket, data);
      return;
    }
    this.awaitsUpgrade = false;
    // More than the one byte would be plaintext that somebody wants read as if it had come through TLS.
    if (data.length !== 1) {
      this.fail("the endpoint sent data before TLS");
      return;
    }
    if (data[0] !== 0x53) {
      this.fail("the endpoint refuses TLS");
      return;
    }
    this.#startTls(socket);
  }

  #mysqlGreeted(socket: BunSocket<Attempt>, data: Uint8Array): void {
    this.#said = Buffer.concat([this.#said, data]);
    try {
      const packet = readPacket(this.#said);
      if (!packet) return;
      this.awaitsUpgrade = false;
      const { capabilities } = readGreeting(packet.payload);
      if (packet.length !== this.#said.length) this.fail("the endpoint sent data before TLS");
      else if ((capabilities & CLIENT_SSL) === 0) this.fail("the endpoint offers no TLS");
      else this.#finish(socket, this.#laterTls(socket));
    } catch (error) {
      this.fail(
        `the endpoint does not greet as MySQL: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** MySQL's server takes the capabilities of its SSLRequest for the login's, so the client's login has to come first. */
  #laterTls(socket: BunSocket<Attempt>): LaterTls | undefined {
    const target = this.dial?.target;
    if (!target) return undefined;
    return {
      greeting: this.#said,
      start: (request, done) => {
        this.upgraded = true;
        this.onHandshake = (secure) => {
          const refusal = target.tls.refusal(secure, target.host, Date.now());
          if (refusal === undefined) done(secure, "");
          else {
            secure.terminate();
            done(undefined, `TLS to the endpoint: ${refusal}`);
          }
        };
        socket.write(request);
        socket.upgradeTLS<Attempt>({ data: this, tls: target.tls.options(target.host), socket: tlsEvents });
      },
    };
  }

  #startTls(socket: BunSocket<Attempt>): void {
    if (!this.dial) return;
    this.upgraded = true;
    const { tls, host } = this.dial.target;
    const [, secure] = socket.upgradeTLS<Attempt>({
      data: this,
      tls: tls.options(host),
      socket: tlsEvents,
    });
    this.socket = secure;
  }

  handshaken(socket: BunSocket<Attempt>): void {
    const { onHandshake } = this;
    if (onHandshake) {
      this.onHandshake = undefined;
      onHandshake(socket);
      return;
    }
    if (!this.dial) return;
    const { tls, host } = this.dial.target;
    const refusal = tls.refusal(socket, host, Date.now());
    if (refusal !== undefined) {
      this.fail(`TLS to the endpoint: ${refusal}`);
      return;
    }
    this.#finish(socket);
  }

  #finish(socket: Stream, later?: LaterTls): void {
    const { dial } = this;
    this.done = true;
    this.dial = undefined;
    this.#said = NOTHING;
    this.socket = undefined;
    this.events = dial?.established(socket, this.address, later);
    if (!this.events) socket.terminate();
  }
}

/** A failure is told through `connectError` as well, which carries the code. */
function toldByEvent(): void {}
