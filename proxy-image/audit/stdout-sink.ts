import { write } from "node:fs";
import type { Sink } from "./sink.ts";

/** Writes records to a file descriptor: standard output, as containers log. */
export class StdoutSink implements Sink {
  readonly name = "stdout";
  readonly #descriptor: number;

  readonly #shared: boolean;

  /** @param shared other processes write to the same pipe */
  constructor(shared: boolean, descriptor = 1) {
    this.#shared = shared;
    this.#descriptor = descriptor;
  }

  async write(text: string): Promise<void> {
    if (!this.#shared) return this.#write(text);
    // The kernel keeps a write to a pipe whole up to PIPE_BUF only: beyond it, lines of two processes would mix.
    for (const line of text.split(/(?<=\n)/)) await this.#write(line);
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    let offset = 0;
    while (offset < bytes.length) {
      const from = offset;
      offset += await new Promise<number>((done, failed) => {
        write(this.#descriptor, bytes, from, bytes.length - from, null, (error, taken) => {
          // A pipe in non-blocking mode that is full: the reader is slow, which is no failure.
          if (error?.code === "EAGAIN") setTimeout(() => done(0), 5);
          else if (error) failed(error);
          else done(taken);
        });
      });
    }
  }

  async close(): Promise<void> {}
}
