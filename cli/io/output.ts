import { once } from "node:events";
import type { Writable } from "node:stream";

const CHUNK = 1 << 16;

/**
 * Writes text in large pieces and waits when the reader is slower: an answer may be larger than memory.
 * A reader that has seen enough (`| head`) is no error: what is left is dropped.
 */
export class Output {
  readonly #stream: Writable;
  #waiting: string[] = [];
  #size = 0;
  #closed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Without a listener the error would end the process before `flush` can see it.
    stream.on("error", (error) => {
      this.#closed ||= isClosed(error);
    });
  }

  /** Takes the text; resolves at once unless a piece is full. */
  write(text: string): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#waiting.push(text);
    this.#size += text.length;
    return this.#size >= CHUNK ? this.flush() : undefined;
  }

  /** Writes what is still waiting. */
  async flush(): Promise<void> {
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#size = 0;
    if (text === "" || this.#closed || this.#stream.write(text)) return;
    try {
      await once(this.#stream, "drain");
    } catch (error) {
      if (!isClosed(error)) throw error;
    }
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
