import type { ProxyView } from "../live/proxies.ts";
import { changes, eventLine, eventMatches, remembered, type WatchEvent } from "./events.ts";
import { poll, type Sources } from "./poll.ts";

export interface LineOptions {
  readonly format: "text" | "json";
  readonly filter: string;
  /** One look, and the end. */
  readonly once: boolean;
}

/** What happens, a line for each: for a pipe, a file, or a terminal that cannot more. Resolves when it is stopped. */
export async function watchLines(
  sources: Sources,
  { format, filter, once }: LineOptions,
  out: (text: string) => void,
  stop: AbortController,
): Promise<void> {
  let before: readonly ProxyView[] = [];
  let problems: readonly string[] = [];
  await poll(sources, stop.signal, ({ proxies, tailed }) => {
    const now = Date.now();
    const events: WatchEvent[] = [
      ...changes(before, proxies),
      ...tailed.records.map((record) => ({ event: "record", record }) as const),
      ...tailed.problems
        .filter((text) => !problems.includes(text))
        .map((text) => ({ event: "problem", text }) as const),
    ];
    before = remembered(before, proxies);
    problems = tailed.problems;
    const shown = events.filter((event) => eventMatches(filter, event));
    out(
      shown.map((event) => `${format === "json" ? JSON.stringify(event) : eventLine(event, now)}\n`).join(""),
    );
    if (once) stop.abort();
  });
}
