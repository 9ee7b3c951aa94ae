import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { CliError } from "../exit.ts";

/** A line that is not blank, with its number from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of a file, or of standard input for `-`, one at a time: the file may be larger than memory.
 * @throws CliError when it cannot be read.
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const input = path === "-" ? process.stdin : createReadStream(path);
  let number = 0;
  try {
    // `for await` over readline alone would lose an error of the stream that feeds it.
    const failed = new Promise<never>((_, reject) => input.once("error", reject));
    failed.catch(() => undefined);
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([lines.next(), failed]);
      if (next.done) return;
      number++;
      const text = number === 1 ? next.value.replace(/^\uFEFF/, "") : next.value;
      if (text.trim() !== "") yield { number, text };
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`cannot read ${path}: ${reason}`, undefined, { cause });
  }
}
