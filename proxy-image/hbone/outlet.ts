import type { Http2Session } from "node:http2";

/**
 * What the streams of one connection share on the way out. While one of them waits for its window, Bun (1.4.5) leaves what
 * others write in its queue, until some frame of the peer arrives; a peer that waits for that very answer sends none. A
 * PING makes it send one: one at a time, and only while a stream waits.
 */
export class Outlet {
  readonly #session: Http2Session;
  readonly #waiting = new Set<object>();
  #asked = false;

  constructor(session: Http2Session) {
    this.#session = session;
  }

  /** The stream has taken as much as it can. */
  full(stream: object): void {
    this.#waiting.add(stream);
  }

  /** It can take more, or is gone. */
  free(stream: object): void {
    this.#waiting.delete(stream);
  }

  /** The stream was given something to send. */
  wrote(stream: object): void {
    const others = this.#waiting.size - (this.#waiting.has(stream) ? 1 : 0);
    if (others === 0 || this.#asked || this.#session.destroyed) return;
    this.#asked = true;
    this.#session.ping(() => {
      this.#asked = false;
    });
  }
}
