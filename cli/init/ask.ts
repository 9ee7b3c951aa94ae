import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { CliError } from "../exit.ts";
import type { Ask } from "./answers.ts";

/** Asks on a terminal while `work` runs. The end of the input (Ctrl-D) ends the command, and does not hang it. */
export async function asking<T>(
  input: Readable,
  output: Writable,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const terminal = createInterface({ input, output });
  terminal.once("close", () => ended.abort());
  try {
    return await work((question) => terminal.question(question, { signal: ended.signal }));
  } catch (error) {
    if (!ended.signal.aborted) throw error;
    throw new CliError("init: no more answers; nothing was written", undefined, { cause: error });
  } finally {
    terminal.close();
  }
}
