import { Memory } from "../native/libc.ts";
import type { NativeSocket, SocketEvents } from "../native/native-socket.ts";
import type { Stream, StreamEvents } from "../stream.ts";
import { type HandshakeFacts, handshakeFacts } from "./handshake-facts.ts";
import { handshakeTurns } from "./handshake-turns.ts";
import { type Handle, requireRustls } from "./library.ts";
import type { ServerTls } from "./server-tls.ts";

/** What a client over TLS tells. */
export interface TlsEvents extends StreamEvents {
  /** Comes once, before any data. */
  handshaken(facts: HandshakeFacts): void;
  /** TLS cannot go on, and says why; the peer has been told by an alert. Whoever hears it ends the stream. */
  failed(why: string): void;
  /** The peer's TCP has ended, and TLS had not said that it would. Comes before `ended`. */
  cutShort(): void;
}

/** More than what one read of the socket can be decrypted to: its own length, and a record that was begun before. */
const PLAIN_BYTES = 320 * 1024;

const WHY_BYTES = 512;

const HANDSHAKEN = 1;
const ENDED = 2;
const FAILED = 4;

/** What all sockets of a process share: one is worked on at a time. */
interface Shared {
  readonly plain: Memory;
  /** `Report` of `rustls/src/session.rs`: consumed, plain, state, sent. */
  readonly report: Memory;
  readonly sent: Memory;
  readonly why: Memory;
}

let memory: Shared | undefined;

function shared(): Shared {
  memory ??= {
    plain: new Memory(PLAIN_BYTES),
    report: new Memory(16),
    sent: new Memory(4),
    why: new Memory(WHY_BYTES),
  };
  return memory;
}

/**
 * A server's TLS over a socket that the proxy drives itself. What it sends goes from rustls to the kernel without passing
 * here, and what the kernel does not take stays in rustls, which takes no more until it does.
 *
 * The session is freed as soon as nothing is to be sent or received any more; at the latest, when the socket closes.
 */
export class RustlsSocket implements Stream, SocketEvents {
  readonly #socket: NativeSocket;
  readonly #library = requireRustls();
  readonly #shared = shared();
  #session: Handle | undefined;
  #events: TlsEvents | undefined;
  #handshaken = false;
  /** Its handshake has to wait for the next turn. */
  #waits = false;
  #failed = false;
  /** The peer has said, in TLS, that it will send no more. */
  #peerEnded = false;
  /** rustls holds what the kernel has not taken. */
  #blocked = false;
  /** The peer has been told that nothing more follows. */
  #shut = false;
  #ending = false;

  /** @throws when TLS cannot begin */
  constructor(socket: NativeSocket, tls: ServerTls, now: number) {
    this.#socket = socket;
    this.#session = tls.open(now);
  }

  /** Says where events go, and begins. */
  attach(events: TlsEvents): void {
    this.#events = events;
    this.#socket.attach(this);
  }

  // --- Stream

  get copiesAtOnce(): boolean {
    return true;
  }

  write(data: Uint8Array): number {
    const session = this.#session;
    if (session === undefined || this.#shut || this.#failed) return -1;
    if (data.length === 0 || this.#blocked) return 0;
    const { sent } = this.#shared;
    const taken = this.#library.portreeve_tls_write(
      session,
      data,
      data.length,
      this.#socket.descriptor,
      sent.at,
    );
    if (taken < 0) {
      this.#fail(session);
      return -1;
    }
    this.#heard(sent.ints[0] ?? 0);
    return taken;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  shutdown(): void {
    if (this.#shut || this.#session === undefined) return;
    this.#shut = true;
    this.#heard(this.#library.portreeve_tls_end(this.#session, this.#socket.descriptor));
    if (!this.#blocked) this.#socket.shutdown();
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#shut && this.#session !== undefined) {
      this.#shut = true;
      this.#heard(this.#library.portreeve_tls_end(this.#session, this.#socket.descriptor));
    }
    // Nobody wants what still comes; that the peer has gone is learned by reading.
    if (this.#blocked) this.#socket.resume();
    else this.#endSocket();
  }

  terminate(): void {
    // The alert is on its way, and a reset would overtake it.
    if (this.#failed && !this.#ending) this.end();
    else this.#socket.terminate();
  }

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, initialDelay: number): void {
    this.#socket.setKeepAlive(on, initialDelay);
  }

  // --- the socket's events

  mayRead(): boolean {
    // What is not read as a handshake costs nothing.
    if (this.#handshaken || this.#session === undefined || this.#failed || this.#ending) return true;
    const may = handshakeTurns.take(this.#waits);
    this.#waits = !may;
    return may;
  }

  pass(borrowed: Uint8Array): number {
    this.#receive(borrowed);
    return borrowed.length;
  }

  data(data: Uint8Array): void {
    this.#receive(data);
  }

  drain(): void {
    if (!this.#blocked || this.#session === undefined) return;
    this.#blocked = false;
    this.#heard(this.#library.portreeve_tls_flush(this.#session, this.#socket.descriptor));
    if (this.#blocked) return;
    if (this.#ending) this.#endSocket();
    else {
      if (this.#shut) this.#socket.shutdown();
      this.#events?.drain();
    }
  }

  ended(): void {
    if (this.#peerEnded || this.#failed || this.#ending) return;
    // Anybody on the way can end a TCP connection, so what is not ended in TLS may be cut short (RFC 8446, 6.1). But many clients
    // end like that: to break them off, and with them what they have sent, would help nobody whose protocol has an end.
    if (this.#handshaken) this.#events?.cutShort();
    this.#peerEnd();
  }

  closed(error: string | undefined): void {
    if (this.#waits) handshakeTurns.leave();
    this.#waits = false;
    this.#free();
    this.#events?.closed(error);
  }

  threw(error: Error): void {
    this.#events?.threw?.(error);
  }

  // ---

  #receive(input: Uint8Array): void {
    for (let start = 0; start < input.length; ) {
      const session = this.#session;
      if (session === undefined || this.#ending || this.#failed || this.#peerEnded) return;
      const { plain, report } = this.#shared;
      const rest = start === 0 ? input : input.subarray(start);
      this.#library.portreeve_tls_receive(
        session,
        rest,
        rest.length,
        plain.at,
        PLAIN_BYTES,
        this.#socket.descriptor,
        report.at,
      );
      const [consumed = 0, length = 0, state = FAILED, sent = 0] = report.ints;
      start += consumed;
      this.#heard(sent);
      if ((state & HANDSHAKEN) !== 0) {
        this.#handshaken = true;
        this.#events?.handshaken(handshakeFacts(session));
      }
      if (length > 0) this.#deliver(plain.bytes, length);
      if ((state & FAILED) !== 0) this.#fail(session);
      else if ((state & ENDED) !== 0) this.#peerEnd();
      else if (consumed === 0) this.#failBecause("TLS takes nothing");
    }
  }

  #deliver(bytes: Uint8Array, length: number): void {
    if (this.#ending || this.#session === undefined) return;
    const passed = this.#events?.pass?.(bytes.subarray(0, length)) ?? 0;
    if (passed < length && !this.#ending) this.#events?.data(bytes.slice(passed, length));
  }

  #peerEnd(): void {
    if (this.#ending || this.#session === undefined) return;
    this.#peerEnded = true;
    this.#events?.ended();
  }

  /** @param errno of a send; of what is broken, the socket tells */
  #heard(errno: number): void {
    if (errno === 0) return;
    this.#blocked = true;
    this.#socket.refused(errno);
  }

  #fail(session: Handle): void {
    if (this.#session === undefined) return;
    const { why } = this.#shared;
    const length = this.#library.portreeve_tls_failure(session, why.at, WHY_BYTES);
    this.#failBecause(Buffer.from(why.bytes.subarray(0, length)).toString() || "TLS failed");
  }

  #failBecause(why: string): void {
    if (this.#failed || this.#ending) return;
    this.#failed = true;
    this.#events?.failed(why);
  }

  #endSocket(): void {
    this.#free();
    this.#socket.end();
  }

  #free(): void {
    if (this.#session === undefined) return;
    this.#library.portreeve_tls_free(this.#session);
    this.#session = undefined;
  }
}
