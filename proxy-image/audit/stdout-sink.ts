import { write } from "node:fs";
import type { Sink } from "./sink.ts";

/** Writes records to a file descriptor: standard output, as containers log. */
export class StdoutSink implements Sink {
  readonly #descriptor: number;

  constructor(descriptor = 1) {
    this.#descriptor = descriptor;
  }

  async write(text: string): Promise<void> {
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
