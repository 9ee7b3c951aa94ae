import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from "node:http2";
import type { Stream, StreamEvents } from "../runtime/stream.ts";
import type { Outlet } from "./outlet.ts";

/**
 * One HTTP/2 stream of a CONNECT as the relay's stream. END_STREAM stands for TCP's FIN, and RST_STREAM with
 * CONNECT_ERROR for its reset (RFC 9113, 8.5). What the peer may still send is bounded by the stream's window, which the
 * runtime opens again only as data is read; so a paused stream holds back its sender and no other stream.
 */
export class TunnelStream implements Stream {
  readonly #stream: ServerHttp2Stream | ClientHttp2Stream;
  readonly #outlet: Outlet;
  /** Whether bytes may flow: a client's stream is made when its CONNECT is answered. */
  #answered: boolean;
  #full = false;
  #gone = false;

  constructor(stream: ServerHttp2Stream | ClientHttp2Stream, outlet: Outlet) {
    this.#stream = stream;
    this.#answered = !("respond" in stream);
    this.#outlet = outlet;
  }

  /** Sends the stream's events to `events`, from now on. */
  attach(events: StreamEvents): void {
    const stream = this.#stream;
    let aborted = false;
    let error: string | undefined;
    stream.on("data", (data: Uint8Array) => events.data(data));
    stream.on("drain", () => {
      this.#full = false;
      this.#outlet.free(this);
      events.drain();
    });
    stream.on("aborted", () => {
      aborted = true;
    });
    // After a reset the runtime tells of an end too; taken for the client's own, half a transfer would pass for a whole.
    stream.on("end", () => {
      if (!aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR) events.ended();
    });
    stream.on("error", (cause: NodeJS.ErrnoException) => {
      error = cause.code ?? cause.message;
    });
    stream.on("close", () => {
      this.#gone = true;
      this.#outlet.free(this);
      const reset = aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      events.closed(error ?? (reset ? `RST_STREAM ${stream.rstCode}` : undefined));
    });
  }

  /** The service is connected: bytes flow from here on. */
  accept(): void {
    this.#answer(200, false);
  }

  /** The client is told why nothing follows; the status is all that ztunnel looks at. */
  refuse(status: number): void {
    this.#answer(status, true);
  }

  write(data: Uint8Array): number {
    if (this.#closed || this.#stream.writableEnded) return -1;
    if (!this.#answered || this.#full) return 0;
    this.#full = !this.#stream.write(data);
    if (this.#full) this.#outlet.full(this);
    this.#outlet.wrote(this);
    return data.length;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  shutdown(): void {
    if (this.#closed || this.#stream.writableEnded) return;
    this.#stream.end();
    this.#outlet.wrote(this);
  }

  end(): void {
    this.refuse(503);
    this.shutdown();
    // Unread bytes would keep the stream from ever reporting its end.
    this.#stream.resume();
  }

  terminate(): void {
    if (!this.#gone) this.#stream.close(constants.NGHTTP2_CONNECT_ERROR);
  }

  /** The connection below has no delay of its own. */
  setNoDelay(): void {}

  /** The session asks with PING; see `tunnel-session.ts`. */
  setKeepAlive(): void {}

  #answer(status: number, endStream: boolean): void {
    const stream = this.#stream;
    if (this.#answered || this.#closed || !("respond" in stream)) return;
    this.#answered = true;
    stream.respond({ [constants.HTTP2_HEADER_STATUS]: status }, { endStream });
  }

  get #closed(): boolean {
    return this.#gone || this.#stream.destroyed;
  }
}
