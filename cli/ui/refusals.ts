import type { Seen } from "../live/records.ts";
import { Tail } from "../live/tail.ts";
import { recordMatches } from "../watch/state.ts";

/** Refused connections that are alike: the same who, to what, and why. */
export interface Refusal {
  /** The connection that was the first of them. */
  readonly id: string;
  readonly count: number;
  /** The last of them. */
  readonly seen: Seen;
}

/** More kinds than this nobody reads; `audit query` has them all. */
const MOST_KINDS = 1_000;

/** What was refused, from files with records; nothing but the last of each kind is kept. */
export class Refusals {
  readonly #tail: Tail;
  readonly #kinds = new Map<string, Refusal>();
  problems: readonly string[] = [];

  constructor(logs: readonly string[]) {
    this.#tail = new Tail(logs);
  }

  /** Takes in what was written meanwhile. */
  refresh(): void {
    const { records, problems } = this.#tail.read();
    this.problems = problems;
    for (const seen of records) {
      // A connection with an answer and no verdict asked what it may do, and was told.
      if (seen.verdict === "allow" || seen.reason === "access-question") continue;
      const key = JSON.stringify([
        seen.who.replace(/:\d+$/, ""),
        seen.service,
        seen.reason,
        seen.rule,
        seen.close,
      ]);
      const known = this.#kinds.get(key);
      // The youngest last, so that the first of the map is what to forget.
      this.#kinds.delete(key);
      this.#kinds.set(key, {
        id: known?.id ?? seen.connection,
        count: (known?.count ?? 0) + 1,
        seen,
      });
      const [oldest] = this.#kinds.keys();
      if (this.#kinds.size > MOST_KINDS && oldest !== undefined) this.#kinds.delete(oldest);
    }
  }

  /** The youngest first. */
  list(filter: string): Refusal[] {
    const all = [...this.#kinds.values()].reverse();
    return filter === "" ? all : all.filter(({ seen }) => recordMatches(filter, seen));
  }

  /** The last connection of a kind. */
  find(id: string): Seen | undefined {
    for (const kind of this.#kinds.values()) if (kind.id === id) return kind.seen;
    return undefined;
  }

  close(): void {
    this.#tail.close();
  }
}
