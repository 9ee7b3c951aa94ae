/**
 * One side of a connection, as the relay needs it. A Bun socket is one as it stands, and so are those of `native/`; a Node
 * socket is wrapped (`node-stream.ts`).
 */
export interface Stream {
  /** How many bytes were taken; the rest stays with the caller until the stream drains. -1 when it is closed. */
  write(data: Uint8Array): number;
  pause(): void;
  resume(): void;
  /** Tells the peer that nothing more follows; reading goes on. */
  shutdown(): void;
  /** Closes in both directions, after what was written. */
  end(): void;
  /** Closes at once. */
  terminate(): void;
  setNoDelay(on: boolean): unknown;
  setKeepAlive(on: boolean, initialDelay: number): unknown;
  /** `write` is done with the bytes when it returns, taken or not; otherwise it may keep a reference to them. */
  readonly copiesAtOnce?: boolean;
}

/** What one side of a connection tells. */
export interface StreamEvents {
  /** The bytes are the receiver's to keep. */
  data(data: Uint8Array): void;
  /**
   * Bytes that lie in memory which the next read overwrites: for somebody who can pass them on at once, without a copy.
   * Returns how many were passed on, from the first; those that were not come by `data`, copied.
   */
  pass?(borrowed: Uint8Array): number;
  drain(): void;
  /** The peer will send no more. */
  ended(): void;
  /** The stream is gone; `error` names why, for one that did not end in order. */
  closed(error: string | undefined): void;
  /** One of these has thrown: what the stream is for cannot go on. */
  threw?(error: Error): void;
}
