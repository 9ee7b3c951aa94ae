import type { Sink } from "./sink.ts";

/**
 * Takes records and hands them to sinks in batches, without ever making a connection wait. A sink that is slow or fails
 * is retried; what does not fit into the queue meanwhile is lost and counted, and `healthy` is false, so that a service
 * with `audit: required` takes no new connection.
 */
export class AuditLog {
  /** Records that could not be written, since the start. */
  lost = 0;
  written = 0;
  readonly #sinks: readonly Sink[];
  readonly #bound: number;
  readonly #retry: number;
  #queue: string[] = [];
  #busy = false;
  #failing = false;
  #scheduled = false;
  #idle: (() => void)[] = [];
  /** Told once when writing begins to fail, and once when it works again. */
  onChange: (healthy: boolean, error: string | undefined) => void = () => {};

  /**
   * @param bound records held while a sink is slow
   * @param retry milliseconds between attempts while a sink fails
   */
  constructor(sinks: readonly Sink[], bound: number, retry = 500) {
    this.#sinks = sinks;
    this.#bound = bound;
    this.#retry = retry;
  }

  /** True while records are being written, or there is room to hold them. */
  get healthy(): boolean {
    return !this.#failing && this.#queue.length < this.#bound;
  }

  write(line: string): void {
    if (this.#queue.length >= this.#bound) {
      this.lost += 1;
      return;
    }
    this.#queue.push(line);
    if (this.#busy || this.#scheduled) return;
    this.#scheduled = true;
    // Records of the same turn of the event loop go out with one write.
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  /** Resolves when everything that was written before is with the sinks, or cannot be. */
  async drained(): Promise<void> {
    if (this.#queue.length === 0 && !this.#busy) return;
    await new Promise<void>((done) => {
      this.#idle.push(done);
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#sinks.map((sink) => sink.close()));
  }

  async #flush(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const text = batch.join("");
      const results = await Promise.allSettled(this.#sinks.map((sink) => sink.write(text, batch.length)));
      const failure = results.find((result) => result.status === "rejected");
      if (!failure) {
        this.written += batch.length;
        this.#report(true, undefined);
        continue;
      }
      this.#report(false, failure.reason instanceof Error ? failure.reason.message : String(failure.reason));
      // A sink that took the batch has it; only where the one sink failed is it tried again as a whole.
      if (this.#sinks.length === 1) this.#putBack(batch);
      else this.lost += batch.length;
      this.#settle();
      await new Promise((done) => setTimeout(done, this.#retry).unref());
    }
    this.#busy = false;
    this.#settle();
  }

  #putBack(batch: string[]): void {
    const all = batch.concat(this.#queue);
    this.#queue = all.slice(0, this.#bound);
    this.lost += all.length - this.#queue.length;
  }

  #report(healthy: boolean, error: string | undefined): void {
    if (healthy !== this.#failing) return;
    this.#failing = !healthy;
    this.onChange(healthy, error);
  }

  #settle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const done of waiting) done();
  }
}
