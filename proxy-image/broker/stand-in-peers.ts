import type { BrokerPeers } from "./login.ts";

/** Both sides of a login, in memory, for tests. */
export class StandInPeers implements BrokerPeers {
  client: Uint8Array = new Uint8Array(0);
  server: Uint8Array = new Uint8Array(0);
  /** How it ended; undefined while it goes on. */
  end:
    | { how: "done"; fromClient: string; fromServer: string }
    | { how: "refused" | "failed"; words: string; why: string }
    | undefined;
  paused = false;
  asked: (string | undefined)[] = [];
  cancelled: string[] = [];
  sslRequest: Uint8Array | undefined;
  /** Gives the token; tests call it when it is to arrive. */
  give: (() => void) | undefined;
  secured: (() => void) | undefined;
  readonly #user: string;

  constructor(user = "orders_app") {
    this.#user = user;
  }

  toClient(bytes: Uint8Array): void {
    this.client = Buffer.concat([this.client, bytes]);
  }

  toServer(bytes: Uint8Array): void {
    this.server = Buffer.concat([this.server, bytes]);
  }

  pauseClient(): void {
    this.paused = true;
  }

  credential(asked: string | undefined, then: (user: string, token: string) => void): void {
    this.asked.push(asked);
    this.give = () => then(this.#user, "the-token");
  }

  secure(request: Uint8Array, then: () => void): void {
    this.sslRequest = request;
    this.secured = then;
  }

  cancelElsewhere(request: Uint8Array): void {
    this.cancelled.push(latin1(request));
  }

  done(fromClient: Uint8Array, fromServer: Uint8Array): void {
    this.#end({ how: "done", fromClient: latin1(fromClient), fromServer: latin1(fromServer) });
  }

  refused(words: Uint8Array, why: string): void {
    this.#end({ how: "refused", words: latin1(words), why });
  }

  failed(words: Uint8Array, why: string): void {
    this.#end({ how: "failed", words: latin1(words), why });
  }

  /** What the server got since the last time. */
  takeServer(): string {
    const text = latin1(this.server);
    this.server = new Uint8Array(0);
    return text;
  }

  #end(end: NonNullable<StandInPeers["end"]>): void {
    if (this.end) throw new Error(`a login ends once; it was ${this.end.how}, and is ${end.how}`);
    this.end = end;
  }
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
