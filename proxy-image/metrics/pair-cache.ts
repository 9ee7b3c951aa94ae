const MAX_SECONDS = 10_000;

/** Texts by two names: one that is looked up for each connection must not be put together to look it up. */
export class PairCache {
  readonly #texts = new Map<string, Map<string, string>>();

  get(first: string, second: string): string | undefined {
    return this.#texts.get(first)?.get(second);
  }

  /** Returns the text. */
  set(first: string, second: string, text: string): string {
    let seconds = this.#texts.get(first);
    if (!seconds || seconds.size >= MAX_SECONDS) {
      seconds = new Map();
      this.#texts.set(first, seconds);
    }
    seconds.set(second, text);
    return text;
  }
}
