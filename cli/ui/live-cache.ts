import { type ProxyView, readProxies } from "../live/proxies.ts";

const LEAST_MS = 1_000;
/** A proxy spends this share of its time on telling, at most. */
const MOST_SHARE = 0.1;

/** What the proxies say, asked no more often than is good for them, however many pages look. */
export class LiveCache {
  readonly #admins: readonly string[];
  readonly #read: typeof readProxies;
  #last: Promise<{ at: number; views: readonly ProxyView[] }> | undefined;
  #again = 0;

  constructor(admins: readonly string[], read: typeof readProxies = readProxies) {
    this.#admins = admins;
    this.#read = read;
  }

  async get(): Promise<{ readonly at: number; readonly views: readonly ProxyView[] }> {
    if (this.#last === undefined || performance.now() >= this.#again) {
      // Nobody asks a second time while an answer is awaited.
      this.#again = Number.POSITIVE_INFINITY;
      this.#last = this.#ask();
    }
    return this.#last;
  }

  async #ask(): Promise<{ at: number; views: readonly ProxyView[] }> {
    let took = 0;
    try {
      const views = await this.#read("ui", this.#admins);
      for (const { tookMs } of views) took = Math.max(took, tookMs);
      return { at: Date.now(), views };
    } finally {
      // Also when it failed: a page that was told so once would be told so for ever.
      this.#again = performance.now() + Math.max(LEAST_MS, took / MOST_SHARE);
    }
  }
}
