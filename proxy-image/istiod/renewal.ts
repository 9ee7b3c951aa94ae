import type { IssuedCertificate } from "./issue.ts";

export interface RenewalOptions {
  /** Asks for a certificate. */
  readonly issue: () => Promise<IssuedCertificate>;
  /** Puts it to use; when that fails, the certificate before it stays in use. */
  readonly take: (issued: IssuedCertificate) => Promise<void>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly done: (error: string | undefined) => void;
}

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Renewed at half of its life, give or take this share of it: many proxies that started together do not ask together. */
const JITTER = 0.05;

/**
 * Keeps a certificate fresh. Looked at about twice a second instead of sleeping until it is due: a process that was
 * suspended, or whose clock stepped, is late by half a second and not by a day.
 */
export class Renewal {
  lastError: string | undefined;
  readonly #options: RenewalOptions;
  #due = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #running = false;
  #waiting: (() => void)[] = [];
  #taken = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Resolves when there is a first certificate. */
  first(): Promise<void> {
    if (this.#taken) return Promise.resolve();
    return new Promise((done) => void this.#waiting.push(done));
  }

  /** Renews if it is time; one attempt at a time. Never rejects. */
  async tick(): Promise<void> {
    const { now, issue, take, done } = this.#options;
    if (this.#running || now() < this.#due) return;
    this.#running = true;
    try {
      const issued = await issue();
      await take(issued);
      this.#succeeded(issued);
    } catch (error) {
      this.lastError = error instanceof Error ? error.message : String(error);
      this.#due = now() + this.#retryAfter();
      this.#failures += 1;
    } finally {
      this.#running = false;
    }
    done(this.lastError);
  }

  #succeeded({ notAfter }: IssuedCertificate): void {
    const { now, random } = this.#options;
    this.lastError = undefined;
    this.#failures = 0;
    this.#taken = true;
    const at = now();
    this.#due = at + (notAfter - at) * (0.5 + (random() * 2 - 1) * JITTER);
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }

  /** Doubled each time in a row; at least half of it, so that a failing istiod is not asked in a tight loop. */
  #retryAfter(): number {
    const longest = Math.min(RETRY_MS * 2 ** this.#failures, RETRY_MAX_MS);
    return longest * (0.5 + this.#options.random() / 2);
  }
}
