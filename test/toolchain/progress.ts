/** Says on stderr what is being made, how long it has taken so far and about how long it takes. */
import { format } from "./duration.ts";

const EVERY_MS = 15_000;

export interface Progress {
  readonly report: (line: string) => void;
  readonly end: (result: string) => void;
}

/** A live line on a terminal; elsewhere (CI, a log file) a plain line now and then. */
export function progress(what: string, aboutSeconds: number): Progress {
  const out = process.stderr;
  const begun = Date.now();
  const live = out.isTTY === true;
  let news = "";
  const line = () => {
    const soFar = format((Date.now() - begun) / 1000);
    return `${what}: ${soFar} so far, about ${format(aboutSeconds)} in all${news === "" ? "" : ` (${news})`}`;
  };
  const show = () => {
    if (live) out.write(`\r\x1b[2K${line().slice(0, (out.columns ?? 100) - 1)}`);
    else out.write(`${line()}\n`);
  };
  show();
  const timer = setInterval(show, live ? 1000 : EVERY_MS);
  timer.unref();
  return {
    report: (text) => {
      news = text.trim().slice(0, 80);
    },
    end: (result) => {
      clearInterval(timer);
      out.write(
        `${live ? "\r\x1b[2K" : ""}${what}: ${result} after ${format((Date.now() - begun) / 1000)}\n`,
      );
    },
  };
}
