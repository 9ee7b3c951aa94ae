import { once } from "node:events";
import type { Writable } from "node:stream";

const CHUNK = 1 << 16;

/** Writes text in large pieces and waits when the reader is slower: an answer may be larger than memory. */
export class Output {
  readonly #stream: Writable;
  #waiting: string[] = [];
  #size = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Takes the text; resolves at once unless a piece is full. */
  write(text: string): Promise<void> | undefined {
    this.#waiting.push(text);
    this.#size += text.length;
    return this.#size >= CHUNK ? this.flush() : undefined;
  }

  /** Writes what is still waiting. */
  async flush(): Promise<void> {
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#size = 0;
    if (text !== "" && !this.#stream.write(text)) await once(this.#stream, "drain");
  }
}
