import type { LoginNames, Middle } from "../connect/middle.ts";
import {
  type Greeting,
  type LoginRequest,
  MysqlError,
  type Packet,
  readGreeting,
  readLogin,
  readPacket,
  writeError,
  writePacket,
} from "../protocol/mysql-packets.ts";
import { append, type BrokerPeers, MAX_HELD, NOTHING } from "./login.ts";
import {
  checkServer,
  greetingForClient,
  isClearPasswordRequest,
  writeBrokeredLogin,
} from "./mysql-request.ts";

/**
 * Logs in to MySQL or MariaDB for a client whose own proof is neither needed nor passed on.
 *
 *     client            proxy               server
 *       |<- greeting -----|<---- greeting -----|      or the proxy's own, sent before (`greeted`)
 *       |-- login ------->|---- SSLRequest --->|      its proof is dropped
 *       |                 |==== TLS, verified =|
 *       |                 |---- login -------->|      the client's, as the user that its grant names, without a proof
 *       |                 |<--- auth switch ---|      to mysql_clear_password: how RDS asks for a token
 *       |                 |---- token -------->|
 *       |<- OK or ERR ----|<--- OK or ERR -----|      under the number that the client waits for; then byte for byte
 */
export class MysqlBrokeredLogin implements Middle {
  readonly #peers: BrokerPeers;
  /** The proxy greeted the client itself, and the client's TLS took one packet. */
  readonly #greeted: boolean;
  #client: Uint8Array = NOTHING;
  #server: Uint8Array = NOTHING;
  #greeting: Greeting | undefined;
  #login: LoginRequest | undefined;
  #user: string | undefined;
  #token: string | undefined;
  #state: "greeting" | "login" | "credential" | "securing" | "answer" | "over" = "greeting";

  constructor(peers: BrokerPeers, greeted: boolean) {
    this.#peers = peers;
    this.#greeted = greeted;
  }

  fromClient(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#client = append(this.#client, bytes);
    this.#run();
  }

  fromServer(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#server = append(this.#server, bytes);
    this.#run();
  }

  get names(): LoginNames | undefined {
    const login = this.#login;
    if (!login) return undefined;
    const asked = textOf(login.user);
    return {
      user: this.#user,
      database: login.database && textOf(login.database),
      askedUser: asked === this.#user ? undefined : asked,
    };
  }

  #run(): void {
    try {
      while (this.#step());
      if (this.#state !== "over" && (this.#client.length > MAX_HELD || this.#server.length > MAX_HELD + 4)) {
        throw new MysqlError("more than a login can be");
      }
    } catch (error) {
      if (!(error instanceof MysqlError)) throw error;
      this.#fail(error.message);
    }
  }

  #step(): boolean {
    switch (this.#state) {
      case "greeting":
        return this.#takeServer((packet) => this.#onGreeting(packet));
      case "login":
        return this.#takeClient((packet) => this.#onLogin(packet));
      case "answer":
        return this.#takeServer((packet) => this.#onAnswer(packet));
      case "credential":
      case "securing":
      case "over":
        return false;
    }
  }

  #takeServer(use: (packet: Packet) => void): boolean {
    const packet = readPacket(this.#server);
    if (!packet) return false;
    this.#server = this.#server.subarray(packet.length);
    use(packet);
    return true;
  }

  #takeClient(use: (packet: Packet) => void): boolean {
    const packet = readPacket(this.#client);
    if (!packet) return false;
    this.#client = this.#client.subarray(packet.length);
    use(packet);
    return true;
  }

  #onGreeting({ payload }: Packet): void {
    // The server may refuse before it greets: too many connections, a blocked host.
    if (payload[0] === 0xff) {
      this.#refuse(payload, this.#greeted ? 3 : 0);
      return;
    }
    this.#greeting = readGreeting(payload);
    checkServer(this.#greeting);
    if (!this.#greeted) this.#peers.toClient(writePacket(0, greetingForClient(payload, this.#greeting)));
    this.#state = "login";
  }

  #onLogin({ payload }: Packet): void {
    const greeting = this.#greeting;
    if (!greeting) return;
    const login = readLogin(payload);
    this.#login = login;
    this.#state = "credential";
    this.#peers.credential(textOf(login.user), (user, token) => {
      if (this.#state !== "credential") return;
      this.#state = "securing";
      this.#user = user;
      this.#token = token;
      const request = writeBrokeredLogin(login, greeting, user);
      // SSLRequest is the login's head: the server takes the capabilities from there.
      this.#peers.secure(writePacket(1, request.subarray(0, 32)), () => {
        if (this.#state !== "securing") return;
        this.#peers.toServer(writePacket(2, request));
        this.#state = "answer";
        this.#run();
      });
    });
  }

  #onAnswer({ sequence, payload }: Packet): void {
    switch (payload[0]) {
      case 0x00:
        this.#state = "over";
        this.#peers.toClient(writePacket(this.#answerNumber, payload));
        this.#peers.done(this.#client, this.#server);
        return;
      case 0xff:
        this.#refuse(payload, this.#answerNumber);
        return;
      case 0xfe:
        this.#onSwitch(sequence, payload);
        return;
      default:
        throw new MysqlError("the server asks for more than a token");
    }
  }

  #onSwitch(sequence: number, payload: Uint8Array): void {
    const token = this.#token;
    if (token === undefined || !isClearPasswordRequest(payload)) {
      throw new MysqlError(
        `the server asks ${this.#user} for another proof than an IAM token: identify the user with AWSAuthenticationPlugin`,
      );
    }
    this.#token = undefined;
    this.#peers.toServer(writePacket(sequence + 1, Buffer.from(`${token}\0`)));
  }

  /** The number of the packet that the client waits for: after its login, which came after its SSLRequest. */
  get #answerNumber(): number {
    return this.#greeted ? 3 : 2;
  }

  #refuse(payload: Uint8Array, number: number): void {
    this.#state = "over";
    this.#token = undefined;
    const code = (payload[1] ?? 0) | ((payload[2] ?? 0) << 8);
    const who = this.#user === undefined ? "the connection" : `the login of ${this.#user}`;
    this.#peers.refused(writePacket(number, payload), `the server refused ${who} (${code})`);
  }

  #fail(why: string): void {
    this.#state = "over";
    this.#token = undefined;
    const error = writeError(1043, "08S01", `portreeve: ${why}`);
    this.#peers.failed(writePacket(this.#login || this.#greeted ? this.#answerNumber : 0, error), why);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
