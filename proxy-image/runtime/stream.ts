/**
 * One side of a connection, as the relay needs it. A Bun socket is one as it stands; a Node socket is wrapped
 * (`node-stream.ts`).
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
}

/** What one side of a connection tells. */
export interface StreamEvents {
  data(data: Uint8Array): void;
  drain(): void;
  /** The peer will send no more. */
  ended(): void;
  /** The stream is gone; `error` names why, for one that did not end in order. */
  closed(error: string | undefined): void;
}
