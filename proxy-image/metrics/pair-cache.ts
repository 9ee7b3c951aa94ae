/** Names of either kind that are remembered at once; beyond, everything is put together anew. */
const MAX_FIRSTS = 1_000;
const MAX_SECONDS = 10_000;

/** Texts by two names: one that is looked up for each connection must not be put together to look it up. */
export class PairCache {
  readonly #texts = new Map<string, Map<string, string>>();

  /** @param make puts the text together; it must depend on the two names alone */
  of(first: string, second: string, make: () => string): string {
    return this.#texts.get(first)?.get(second) ?? this.#remember(first, second, make());
  }

  /** First names that are remembered. */
  get size(): number {
    return this.#texts.size;
  }

  #remember(first: string, second: string, text: string): string {
    let seconds = this.#texts.get(first);
    if (!seconds || seconds.size >= MAX_SECONDS) {
      // Listeners and rules come and go with configurations.
      if (this.#texts.size >= MAX_FIRSTS) this.#texts.clear();
      seconds = new Map();
      this.#texts.set(first, seconds);
    }
    seconds.set(second, text);
    return text;
  }
}
