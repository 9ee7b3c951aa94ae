import type { ProxyProtocolName } from "../../policy/compile/proxy/config.ts";
import type { Stream, StreamEvents } from "../runtime/stream.ts";
import { Attempt } from "./attempt.ts";
import type { LaterTls } from "./later-tls.ts";
import type { UpstreamTls } from "./upstream-tls.ts";

/** RFC 8305, 5: how long one address may take before the next is tried beside it. */
const STAGGER_MS = 250;

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
  /** Those under way: one, but for a slow address of several. */
  #attempts: Attempt[] = [];
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
    this.#stopClock();
    for (const attempt of this.#attempts) attempt.socket?.terminate();
    this.#attempts = [];
  }

  /** True for the first attempt that has a TCP connection; the others are dropped. */
  wins(attempt: Attempt): boolean {
    if (this.#over || this.#won) return false;
    this.#won = true;
    this.#stopClock();
    for (const other of this.#attempts) if (other !== attempt) other.socket?.terminate();
    if (this.#attempts.length > 1) this.#attempts = [attempt];
    return true;
  }

  /** Returns where the socket's events go from now on; undefined when the dial was given up. */
  established(socket: Stream, address: string, later: LaterTls | undefined): StreamEvents | undefined {
    if (this.#over) return undefined;
    this.#over = true;
    return this.#outcome.connected(socket, address, later);
  }

  attemptFailed(attempt: Attempt, error: string): void {
    if (this.#over) return;
    this.#attempts = this.#attempts.filter((other) => other !== attempt);
    this.#lastError = error;
    if (this.#won) {
      this.#fail();
      return;
    }
    this.#stopClock();
    this.#tryNext();
  }

  #tryNext(): void {
    if (this.#over || this.#won) return;
    const address = this.target.addresses[this.#next];
    if (address === undefined) {
      if (this.#attempts.length === 0) this.#fail();
      return;
    }
    this.#next += 1;
    const attempt = new Attempt(this, address);
    this.#attempts.push(attempt);
    attempt.start();
    if (this.#next < this.target.addresses.length) {
      this.#stagger = setTimeout(() => this.#tryNext(), STAGGER_MS);
    }
  }

  #stopClock(): void {
    if (this.#stagger !== undefined) clearTimeout(this.#stagger);
  }

  #fail(): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.failed(this.#lastError);
  }
}
