/** Resets in a row that are no attack: a client that loses all its streams at once. */
const BURST = 1_000;
/** Resets a second that may go on for ever. */
const RATE = 33;

/**
 * How many streams a client may begin and reset again (CVE-2023-44487): a stream that is reset at once is counted as
 * gone, so the bound on streams at a time does not bound the work. The figures are nghttp2's.
 */
export class ResetBudget {
  #left = BURST;
  #at: number;

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#at = now;
  }

  /** Counts one reset; false when it is one too many. */
  spend(now: number): boolean {
    this.#left = Math.min(BURST, this.#left + ((now - this.#at) / 1_000) * RATE);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
