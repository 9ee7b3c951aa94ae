import type { LoginNames, Middle } from "../connect/middle.ts";
import { append, type BrokerPeers, MAX_HELD, NOTHING } from "./login.ts";

/** An answer to AUTH is one short line. */
const MAX_ANSWER = 4_096;

/**
 * Logs in to Redis or Valkey before the client's first byte, by `AUTH user token`. Its answer is taken out; what the
 * client sends meanwhile is held. The protocol version stays with the client: AUTH is the same in RESP2 and RESP3, and a
 * later `HELLO 3` keeps the login.
 *
 * A client that begins with an AUTH of its own is answered by `RedisClientLogin`.
 */
export class RedisLogin implements Middle {
  readonly #peers: BrokerPeers;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #server: Uint8Array = NOTHING;
  #user: string | undefined;
  #state: "credential" | "answer" | "over" = "credential";

  constructor(peers: BrokerPeers) {
    this.#peers = peers;
    peers.credential(undefined, (user, token) => {
      if (this.#state !== "credential") return;
      this.#user = user;
      this.#state = "answer";
      peers.toServer(command("AUTH", user, token));
      this.#read();
    });
  }

  fromClient(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    // Redis's clients need not wait for anything: a mass insertion begins with the first byte.
    if (this.#heldBytes > MAX_HELD) this.#peers.pauseClient();
  }

  fromServer(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#server = append(this.#server, bytes);
    this.#read();
  }

  get names(): LoginNames {
    return { user: this.#user };
  }

  #read(): void {
    if (this.#state !== "answer") {
      if (this.#server.length > MAX_ANSWER) this.#fail("the server speaks before it is asked");
      return;
    }
    const end = this.#server.indexOf(0x0a);
    if (end < 0) {
      if (this.#server.length > MAX_ANSWER) this.#fail("the server's answer to AUTH does not end");
      return;
    }
    const line = this.#server.subarray(0, end + 1);
    const rest = this.#server.subarray(end + 1);
    const text = Buffer.from(line).toString("latin1");
    if (text === "+OK\r\n") {
      this.#state = "over";
      this.#peers.done(Buffer.concat(this.#held), rest);
      this.#held = [];
    } else if (text.startsWith("-") && text.endsWith("\r\n")) {
      this.#state = "over";
      const code = /^-([A-Z]{1,16})\b/.exec(text)?.[1] ?? "ERR";
      this.#peers.refused(line, `the server refused the login of ${this.#user} (${code})`);
    } else this.#fail("the server's answer to AUTH is none");
  }

  #fail(why: string): void {
    this.#state = "over";
    this.#peers.failed(Buffer.from(`-ERR portreeve: ${why}\r\n`), why);
  }
}

/** A command as an array of bulk strings. */
function command(...words: readonly string[]): Uint8Array {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`);
}
