import type { ReadStream, WriteStream } from "node:tty";
import { useColor } from "../format/color.ts";
import { frameOf } from "./frame.ts";
import { keysIn, press } from "./keys.ts";
import { poll, type Sources } from "./poll.ts";
import { Screen } from "./screen.ts";
import { beginning, type WatchState, withProxies, withRecords } from "./state.ts";

/** The page in a terminal, until `q`, or the signal. The terminal is given back as it was, whatever happens. */
export async function watchPage(
  sources: Sources,
  filter: string,
  input: ReadStream,
  output: WriteStream,
  stop: AbortController,
): Promise<void> {
  const color = useColor(output);
  const screen = new Screen(output);
  let state: WatchState = { ...beginning(sources.admins.length > 0, sources.logs.length > 0), filter };
  // While it is paused, what comes is taken in and only not shown: nothing is missing afterwards.
  let shown = state;
  const paint = (): void => {
    const { typing, paused, scroll, filter: wanted } = state;
    shown = state.paused ? { ...shown, typing, paused, scroll, filter: wanted } : state;
    screen.paint(frameOf(shown, sizeOf(output), paused ? frozen : Date.now(), color));
  };
  let frozen = Date.now();
  const onKeys = (text: string): void => {
    for (const key of keysIn(text)) {
      const next = press(state, key, Math.max(1, Math.floor(sizeOf(output).rows / 2) - 3));
      if (next === undefined) {
        stop.abort();
        return;
      }
      if (next.paused && !state.paused) frozen = Date.now();
      state = next;
    }
    paint();
  };
  const onResize = (): void => {
    screen.forget();
    paint();
  };
  // Raw, so that a key counts without Enter; then Ctrl-C is a key too.
  input.setRawMode(true);
  input.setEncoding("utf8").on("data", onKeys);
  input.resume();
  output.on("resize", onResize);
  try {
    paint();
    await poll(sources, stop.signal, ({ proxies, tailed }) => {
      state = withRecords(withProxies(state, proxies), tailed.records, tailed.problems);
      paint();
    });
  } finally {
    output.off("resize", onResize);
    input.off("data", onKeys);
    input.pause();
    input.setRawMode(false);
    screen.close();
  }
}

/** Whether both ends are a terminal that can place text. */
export function canShowPage(input: { isTTY?: boolean }, output: { isTTY?: boolean }): boolean {
  return input.isTTY === true && output.isTTY === true && process.env["TERM"] !== "dumb";
}

function sizeOf({ columns, rows }: WriteStream): { columns: number; rows: number } {
  // A terminal that does not say its size says 0.
  return { columns: columns || 80, rows: rows || 24 };
}
