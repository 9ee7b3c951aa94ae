const MINUTE_MS = 60_000;

/**
 * New connections of the last minute, by key. Exact: at no moment do the last 60 seconds hold more than the bound, which
 * a count that starts again with every minute would allow twice over.
 */
export class Rates {
  readonly #times = new Map<string, number[]>();
  #sweepAt = MINUTE_MS;

  /** @param now monotonic milliseconds */
  allows(key: string, limit: number, now: number): boolean {
    const times = this.#times.get(key);
    // In order of time: the oldest that would still count beside the new one decides.
    const decisive = times?.[times.length - limit];
    return decisive === undefined || now - decisive >= MINUTE_MS;
  }

  note(key: string, now: number): void {
    if (now >= this.#sweepAt) this.#sweep(now);
    const times = this.#times.get(key);
    if (times) times.push(now);
    else this.#times.set(key, [now]);
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#times.size;
  }

  /** Once a minute: what no longer counts would stay for everybody who ever connected. */
  #sweep(now: number): void {
    this.#sweepAt = now + MINUTE_MS;
    for (const [key, times] of this.#times) {
      const first = times.findIndex((time) => now - time < MINUTE_MS);
      if (first < 0) this.#times.delete(key);
      else if (first > 0) times.splice(0, first);
    }
  }
}
