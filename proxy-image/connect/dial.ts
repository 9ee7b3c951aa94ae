import type { ProxyProtocolName } from "../../policy/compile/proxy/config.ts";
import { CLIENT_SSL, readGreeting, readPacket } from "../protocol/mysql-packets.ts";
import { type BunSocket, type CodedError, requireBun, type SocketHandlers } from "../runtime/bun.ts";
import type { Stream, StreamEvents } from "../runtime/stream.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

/** RFC 8305, 5: how long one address may take before the next is tried beside it. */
const STAGGER_MS = 250;

/** TLS that begins after the client has spoken. */
export interface LaterTls {
  /** What the endpoint said first: MySQL's greeting. */
  readonly greeting: Uint8Array;
  /** Sends the request, upgrades and verifies. Called back once: with the secured stream, or why there is none. */
  start(request: Uint8Array, done: (secured: Stream | undefined, error: string) => void): void;
}

/** What is dialled. */
export interface Target {
  /** The endpoint's host as configured. */
  readonly host: string;
  /** Its addresses, in the order in which they are tried. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly protocol: ProxyProtocolName;
  readonly tls: UpstreamTls;
  /** Sent before anything else: a PROXY header. */
  readonly preface: ((address: string) => Uint8Array) | undefined;
}

/** How a dial ends: exactly one of these is called, once. After `cancel`, none is. */
export interface DialOutcome {
  /** `later` is given for MySQL over TLS, whose upgrade has to wait for the client's login. */
  connected(socket: Stream, address: string, later: LaterTls | undefined): StreamEvents;
  failed(error: string): void;
}

/**
 * One attempt to reach one endpoint: its addresses in turn with a head start each (happy eyeballs), then the PROXY
 * header, then TLS, by the protocol's own upgrade where it has one. Nothing of the client's is sent before all of it is
 * done and the endpoint's certificate verified.
 */
export class Dial {
  readonly target: Target;
  readonly #outcome: DialOutcome;
  readonly #attempts = new Set<Attempt>();
  #next = 0;
  #stagger: ReturnType<typeof setTimeout> | undefined;
  #won = false;
  #over = false;
  #lastError = "no address";

  constructor(target: Target, outcome: DialOutcome) {
    this.target = target;
    this.#outcome = outcome;
  }

  start(): void {
    this.#tryNext();
  }

  /** Gives up; whatever still connects is closed at once. */
  cancel(): void {
    this.#over = true;
    clearTimeout(this.#stagger);
    for (const attempt of this.#attempts) attempt.socket?.terminate();
    this.#attempts.clear();
  }

  /** True for the first attempt that has a TCP connection; the others are dropped. */
  wins(attempt: Attempt): boolean {
    if (this.#over || this.#won) return false;
    this.#won = true;
    clearTimeout(this.#stagger);
    this.#attempts.delete(attempt);
    for (const other of this.#attempts) other.socket?.terminate();
    this.#attempts.clear();
    this.#attempts.add(attempt);
    return true;
  }

  /** Returns where the socket's events go from now on; undefined when the dial was given up. */
  established(socket: Stream, address: string, later: LaterTls | undefined): StreamEvents | undefined {
    if (this.#over) return undefined;
    this.#over = true;
    this.#attempts.clear();
    return this.#outcome.connected(socket, address, later);
  }

  attemptFailed(attempt: Attempt, error: string): void {
    this.#attempts.delete(attempt);
    if (this.#over) return;
    this.#lastError = error;
    if (this.#won) {
      this.#fail();
      return;
    }
    clearTimeout(this.#stagger);
    this.#tryNext();
  }

  #tryNext(): void {
    if (this.#over || this.#won) return;
    const address = this.target.addresses[this.#next];
    if (address === undefined) {
      if (this.#attempts.size === 0) this.#fail();
      return;
    }
    this.#next += 1;
    const attempt = new Attempt(this, address);
    this.#attempts.add(attempt);
    attempt.start();
    if (this.#next < this.target.addresses.length) {
      this.#stagger = setTimeout(() => this.#tryNext(), STAGGER_MS);
    }
  }

  #fail(): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.failed(this.#lastError);
  }
}

/** `SSLRequest` of PostgreSQL: length 8, code 80877103. */
const PG_SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f);

/** One address of a dial. */
class Attempt {
  /** Let go of once connected: a connection lives long, and everything that it took to make it would live with it. */
  dial: Dial | undefined;
  readonly address: string;
  /** Where events go once connected. */
  events: StreamEvents | undefined;
  socket: BunSocket<Attempt> | undefined;
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
    // TLS is started by hand after the connection is there, since a PROXY header or a protocol's request goes first.
    requireBun()
      .connect<Attempt>({ hostname: this.address, port, allowHalfOpen: true, data: this, socket: handlers })
      .catch(() => {
        // Told through connectError as well, which carries the code.
      });
  }

  fail(error: string): void {
    if (this.done) return;
    this.done = true;
    this.socket?.terminate();
    this.dial?.attemptFailed(this, error);
  }

  opened(socket: BunSocket<Attempt>): void {
    this.socket = socket;
    const { dial } = this;
    if (!dial?.wins(this)) {
      this.done = true;
      socket.terminate();
      return;
    }
    const { preface, tls, protocol } = dial.target;
    // A fresh socket's buffer takes a few hundred bytes; one that does not is as good as broken.
    if (preface) {
      const header = preface(this.address);
      if (socket.write(header) !== header.length) {
        this.fail("the PROXY header could not be sent");
        return;
      }
    }
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
        socket.upgradeTLS<Attempt>({ data: this, tls: target.tls.options(target.host), socket: tlsHandlers });
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
      socket: tlsHandlers,
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

  #finish(socket: BunSocket<Attempt>, later?: LaterTls): void {
    const { dial } = this;
    this.done = true;
    this.dial = undefined;
    this.#said = NOTHING;
    this.socket = undefined;
    this.events = dial?.established(socket, this.address, later);
    if (!this.events) socket.terminate();
  }
}

const NOTHING = new Uint8Array(0);

const tlsHandlers: SocketHandlers<Attempt> = {
  handshake(socket, _success, error) {
    // `success` is also true for a chain that is not trusted; `handshaken` looks at the socket itself.
    // A handshake that failed outright is followed by its close, which tells the connection.
    if (error && !socket.getPeerX509Certificate()) socket.data.fail(`TLS to the endpoint: ${error.message}`);
    else socket.data.handshaken(socket);
  },
  data(socket, data) {
    socket.data.events?.data(data);
  },
  drain(socket) {
    socket.data.events?.drain();
  },
  end(socket) {
    if (socket.data.done) socket.data.events?.ended();
    else socket.data.fail("the endpoint closed during the TLS handshake");
  },
  close(socket, error) {
    if (socket.data.done) socket.data.events?.closed(error?.code);
    else socket.data.fail(`the endpoint closed during the TLS handshake${error ? `: ${error.code}` : ""}`);
  },
  error() {
    // A close always follows.
  },
};

const handlers: SocketHandlers<Attempt> = {
  open(socket) {
    socket.data.opened(socket);
  },
  connectError(socket, error: CodedError) {
    socket.data.fail(error.code ?? error.message);
  },
  data(socket, data) {
    const attempt = socket.data;
    if (attempt.upgraded) return;
    if (attempt.awaitsUpgrade) attempt.upgradeAnswered(socket, data);
    else attempt.events?.data(data);
  },
  drain(socket) {
    if (!socket.data.upgraded) socket.data.events?.drain();
  },
  end(socket) {
    const attempt = socket.data;
    if (attempt.upgraded) return;
    if (attempt.done) attempt.events?.ended();
    else attempt.fail("the endpoint closed before TLS");
  },
  close(socket, error) {
    const attempt = socket.data;
    if (attempt.upgraded) return;
    if (attempt.done) attempt.events?.closed(error?.code);
    else attempt.fail(error?.code ?? "the endpoint closed the connection");
  },
  error() {
    // A close always follows.
  },
};
