/** What becomes of a use: `unknown` when the memory cannot be asked. Only the `first` is let through. */
export type Use = "first" | "replayed" | "full" | "unknown";

/** What was used once and must not be again: of this process, or of all workers of a proxy. */
export interface ReplayMemory {
  /**
   * Marks a signature as used.
   *
   * @param until when it is too old anyway, epoch milliseconds
   * @param at epoch milliseconds
   */
  use(signature: string, until: number, at: number): Use | Promise<Use>;
  /** It was not used after all: nobody has said that it is genuine. */
  release(signature: string): void;
}

/**
 * Signatures that were used, until they are too old to be used again. Nothing is forgotten early to make room: that would
 * be a way to use one twice, so a full memory refuses instead.
 */
export class Replay implements ReplayMemory {
  readonly #max: number;
  /** When it may be forgotten, epoch milliseconds, by signature. */
  readonly #seen = new Map<string, number>();
  #sweptAt = 0;

  constructor(max = 100_000) {
    this.#max = max;
  }

  get size(): number {
    return this.#seen.size;
  }

  use(signature: string, until: number, at: number): Exclude<Use, "unknown"> {
    const known = this.#seen.get(signature);
    if (known !== undefined && known > at) return "replayed";
    if (this.#seen.size >= this.#max || at - this.#sweptAt > 60_000) this.#sweep(at);
    if (this.#seen.size >= this.#max) return "full";
    this.#seen.set(signature, until);
    return "first";
  }

  release(signature: string): void {
    this.#seen.delete(signature);
  }

  #sweep(at: number): void {
    this.#sweptAt = at;
    for (const [signature, until] of this.#seen) if (until <= at) this.#seen.delete(signature);
  }
}
