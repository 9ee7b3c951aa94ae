/**
 * Where a brokered login's bytes go, and what becomes of it. Exactly one of `done`, `refused` and `failed` ends it; after
 * that nothing more is called.
 */
export interface BrokerPeers {
  toClient(bytes: Uint8Array): void;
  toServer(bytes: Uint8Array): void;
  /** The client has said enough for now: nothing more is read from it until the login is over. */
  pauseClient(): void;
  /** Chooses the database user and makes its token. `then` is not called when there is none: then the login has ended. */
  credential(asked: string | undefined, then: (user: string, token: string) => void): void;
  /** MySQL: sends SSLRequest and starts TLS to the server; `then` runs when it is verified. */
  secure(request: Uint8Array, then: () => void): void;
  /** PostgreSQL: a request to cancel is about to pass to this server; whose query it means, another one may have to say. */
  cancelElsewhere(request: Uint8Array): void;
  /** Logged in. From here on bytes pass as they are; what was read too far on either side comes along. */
  done(fromClient: Uint8Array, fromServer: Uint8Array): void;
  /** The server refused; its own words go to the client. */
  refused(words: Uint8Array, why: string): void;
  /** One of the two broke the protocol, or asked for what is not done here. `words` tell the client. */
  failed(words: Uint8Array, why: string): void;
}

/** Bytes held of one side while a login goes on. More is an attack on memory: no login is that long. */
export const MAX_HELD = 65_536;

export const NOTHING = new Uint8Array(0);

/** Adds bytes to what is held, without a copy where nothing is. */
export function append(held: Uint8Array, bytes: Uint8Array): Uint8Array {
  return held.length === 0 ? bytes : Buffer.concat([held, bytes]);
}
