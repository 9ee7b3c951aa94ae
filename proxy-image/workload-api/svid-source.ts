import type { IssuedCertificate } from "../istiod/issue.ts";
import { readSvidUpdate } from "./message.ts";
import { openServerStream } from "./server-stream.ts";
import { takeSvid, type Wanted } from "./take-svid.ts";

export interface SvidSourceOptions {
  /** Path of the socket, and what to take of what it offers: asked anew each time, as a reload may change them. */
  readonly wanted: () => Wanted & { readonly socket: string };
  /** Puts a certificate to use; when that fails, the one before stays in use. */
  readonly take: (issued: IssuedCertificate) => Promise<void>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Each update, and each stream that ended, with the reason why there is nothing new. */
  readonly done: (error: string | undefined) => void;
}

const METHOD = "/SpiffeWorkloadAPI/FetchX509SVID";
const RETRY_MS = 500;
const RETRY_MAX_MS = 30_000;

/**
 * The certificate from the SPIFFE Workload API: one stream that stays open, on which the server sends a new SVID and new
 * bundles when it is time. A stream that ends is opened again, with longer and longer waits; meanwhile, the last
 * certificate stays in use. The server decides by the process at the other end of the socket who that is, so there is
 * nothing to prove.
 */
export class SvidSource {
  lastError: string | undefined;
  readonly #options: SvidSourceOptions;
  #due = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #close: (() => void) | undefined;
  /** Updates are put to use one after the other. */
  #taking: Promise<void> = Promise.resolve();
  #waiting: (() => void)[] = [];
  #taken = false;

  constructor(options: SvidSourceOptions) {
    this.#options = options;
  }

  /** Resolves when there is a first certificate. */
  first(): Promise<void> {
    if (this.#taken) return Promise.resolve();
    return new Promise((done) => void this.#waiting.push(done));
  }

  /** Opens the stream if there is none and it is time. Called about twice a second. */
  async tick(): Promise<void> {
    if (this.#close || this.#options.now() < this.#due) return;
    this.#close = openServerStream({
      socket: this.#options.wanted().socket,
      method: METHOD,
      // SPIFFE Workload Endpoint, section 5: a program that was tricked into a request would not send it.
      metadata: { "workload.spiffe.io": "true" },
      message: new Uint8Array(0),
      received: (message) => {
        this.#taking = this.#taking.then(() => this.#take(message));
      },
      ended: (error) => {
        this.#close = undefined;
        this.#failed(error);
      },
    });
  }

  /** Ends the stream for good. */
  stop(): void {
    this.#due = Number.POSITIVE_INFINITY;
    this.#close?.();
  }

  async #take(message: Uint8Array): Promise<void> {
    const { take, wanted, now, done } = this.#options;
    try {
      await take(takeSvid(readSvidUpdate(message), wanted(), now()));
    } catch (error) {
      // The stream stays: the next update may be better, and asking again would bring the same one.
      this.lastError = error instanceof Error ? error.message : String(error);
      done(this.lastError);
      return;
    }
    this.lastError = undefined;
    this.#failures = 0;
    this.#taken = true;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
    done(undefined);
  }

  #failed(error: Error): void {
    const { now, random, done } = this.#options;
    const longest = Math.min(RETRY_MS * 2 ** this.#failures, RETRY_MAX_MS);
    this.#due = now() + longest * (0.5 + random() / 2);
    this.#failures += 1;
    this.lastError = error.message;
    done(this.lastError);
  }
}
