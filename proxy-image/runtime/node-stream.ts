import type { Duplex } from "node:stream";
import type { Stream, StreamEvents } from "./stream.ts";

/** What a Node socket has beyond a duplex; TLS over one delegates it. */
interface SocketOptions {
  setNoDelay?(on: boolean): unknown;
  setKeepAlive?(on: boolean, initialDelay: number): unknown;
}

/**
 * A Node socket as the relay's stream. A Node socket takes everything that it is given and tells afterwards that it was
 * too much; so nothing more is offered to it until it drains, and it holds one chunk at most.
 */
export class NodeStream implements Stream {
  readonly #socket: Duplex & SocketOptions;
  #full = false;
  #gone = false;

  constructor(socket: Duplex & SocketOptions) {
    this.#socket = socket;
  }

  /** Sends the socket's events to `events`, from now on. */
  attach(events: StreamEvents): void {
    const socket = this.#socket;
    let error: string | undefined;
    socket.on("data", (data: Uint8Array) => events.data(data));
    socket.on("drain", () => {
      this.#full = false;
      events.drain();
    });
    socket.on("end", () => events.ended());
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message;
    });
    socket.on("close", () => {
      this.#gone = true;
      events.closed(error);
    });
  }

  write(data: Uint8Array): number {
    if (this.#gone || this.#socket.destroyed || this.#socket.writableEnded) return -1;
    if (this.#full) return 0;
    this.#full = !this.#socket.write(data);
    return data.length;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  shutdown(): void {
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  end(): void {
    this.shutdown();
    // Unread bytes would keep the socket from ever reporting its end.
    this.#socket.resume();
  }

  terminate(): void {
    this.#socket.destroy();
  }

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean, initialDelay: number): void {
    this.#socket.setKeepAlive?.(on, initialDelay);
  }
}
