import type { Stream } from "../runtime/stream.ts";

/** TLS that begins after the client has spoken. */
export interface LaterTls {
  /** What the endpoint said first: MySQL's greeting. */
  readonly greeting: Uint8Array;
  /** Sends the request, upgrades and verifies. Called back once: with the secured stream, or why there is none. */
  start(request: Uint8Array, done: (secured: Stream | undefined, error: string) => void): void;
}
