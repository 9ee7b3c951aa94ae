import {
  type Greeting,
  type LoginRequest,
  MysqlError,
  type Packet,
  readGreeting,
  readLogin,
  readPacket,
  withoutTls,
  writeAuthSwitch,
  writeLogin,
  writePacket,
} from "../protocol/mysql-packets.ts";

/** The longest packet of a login with its header: nobody has reason to send more ahead of an answer. */
const MAX_HELD = 65_536 + 4;

/** Where a login's packets go, and what becomes of it. */
export interface LoginPeers {
  toClient(bytes: Uint8Array): void;
  toServer(bytes: Uint8Array): void;
  /** Sends MySQL's SSLRequest and starts TLS to the server; `then` runs when it is verified. */
  secure(request: Uint8Array, then: () => void): void;
  /** The server has answered; from here on bytes are relayed as they are. What was read too far comes along. */
  done(fromClient: Uint8Array, fromServer: Uint8Array): void;
  failed(why: string): void;
}

export interface LoginSetting {
  /** The client was greeted by the proxy itself, because its TLS begins inside MySQL's protocol. */
  readonly greeted: boolean;
  /** TLS to the server is on, by its own upgrade, which took one packet more than the client knows of. */
  readonly serverTls: boolean;
}

/**
 * Stands between a MySQL or MariaDB client and its server until the server has accepted or refused the login.
 *
 *     client            proxy               server
 *       |<- greeting -----|                    |      (greeted) the proxy's own, for TLS and the certificate
 *       |-- login ------->|                    |      verdict, then dial
 *       |                 |<---- greeting -----|
 *       |<- auth switch --|                    |      asks for the proof anew, with the server's scramble
 *       |-- proof ------->|---- login -------->|
 *       |<- OK or ERR ----|<---- OK or ERR ----|      sequence numbers shifted; then it is out of the way
 *
 * The proxy never learns a password: what passes is a proof that is good for this one scramble.
 */
export class MysqlLogin {
  readonly #peers: LoginPeers;
  readonly #setting: LoginSetting;
  #client: Uint8Array = new Uint8Array(0);
  #server: Uint8Array = new Uint8Array(0);
  #greeting: Greeting | undefined;
  #login: LoginRequest | undefined;
  #state: "greeting" | "login" | "proof" | "securing" | "answer" | "over" = "greeting";
  /** Added to the server's sequence numbers towards the client. */
  readonly #shift: number;

  constructor(peers: LoginPeers, setting: LoginSetting) {
    this.#peers = peers;
    this.#setting = setting;
    const sent = setting.serverTls ? 2 : 1;
    this.#shift = (setting.greeted ? 4 : 1) - sent;
  }

  fromClient(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#client = Buffer.concat([this.#client, bytes]);
    this.#run();
  }

  fromServer(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    this.#server = Buffer.concat([this.#server, bytes]);
    this.#run();
  }

  #run(): void {
    try {
      while (this.#step());
      if (this.#state !== "over" && Math.max(this.#client.length, this.#server.length) > MAX_HELD) {
        throw new MysqlError("more than a login can be");
      }
    } catch (error) {
      if (!(error instanceof MysqlError)) throw error;
      this.#state = "over";
      this.#peers.failed(error.message);
    }
  }

  #step(): boolean {
    switch (this.#state) {
      case "greeting":
        return this.#takeServer((packet) => this.#onGreeting(packet));
      case "login":
        return this.#takeClient((packet) => this.#onLogin(packet));
      case "proof":
        return this.#takeClient((packet) => this.#onProof(packet));
      case "answer":
        return (
          this.#takeServer((packet) => this.#onAnswer(packet)) ||
          this.#takeClient((packet) => this.#onMore(packet))
        );
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
    if (this.#state === "over") return false;
    const packet = readPacket(this.#client);
    if (!packet) return false;
    this.#client = this.#client.subarray(packet.length);
    use(packet);
    return true;
  }

  #onGreeting({ payload }: Packet): void {
    // The server may refuse before it greets: too many connections, a blocked host.
    if (payload[0] === 0xff) {
      this.#peers.toClient(writePacket(this.#setting.greeted ? 3 : 0, payload));
      this.#finish();
      return;
    }
    this.#greeting = readGreeting(payload);
    if (!this.#setting.greeted) this.#peers.toClient(writePacket(0, withoutTls(payload)));
    this.#state = "login";
  }

  #onLogin({ payload }: Packet): void {
    const greeting = this.#greeting;
    if (!greeting) return;
    this.#login = readLogin(payload);
    if (this.#setting.greeted) {
      this.#peers.toClient(writePacket(3, writeAuthSwitch(greeting)));
      this.#state = "proof";
      return;
    }
    const copy = Uint8Array.from(payload);
    // The flag that says TLS is on, as SSLRequest has it.
    copy[1] = (copy[1] ?? 0) | 0x08;
    this.#send(copy);
  }

  #onProof({ payload }: Packet): void {
    const { serverTls } = this.#setting;
    if (!this.#login || !this.#greeting) return;
    this.#send(writeLogin(this.#login, this.#greeting, payload, serverTls));
  }

  /** The login, after TLS where there is any. SSLRequest is its head: the server takes the capabilities from there. */
  #send(login: Uint8Array): void {
    if (!this.#setting.serverTls) {
      this.#peers.toServer(writePacket(1, login));
      this.#state = "answer";
      return;
    }
    this.#state = "securing";
    this.#peers.secure(writePacket(1, login.subarray(0, 32)), () => {
      this.#peers.toServer(writePacket(2, login));
      this.#state = "answer";
      this.#run();
    });
  }

  #onAnswer({ sequence, payload }: Packet): void {
    this.#refuseCleartext(payload);
    this.#peers.toClient(writePacket(sequence + this.#shift, payload));
    if (payload[0] === 0x00 || payload[0] === 0xff) this.#finish();
  }

  /** A further round: the server asked for another proof. */
  #onMore({ sequence, payload }: Packet): void {
    this.#peers.toServer(writePacket(sequence - this.#shift, payload));
  }

  /** A client that has TLS answers these with its password as it is; without TLS beyond the proxy that must not go on. */
  #refuseCleartext(payload: Uint8Array): void {
    if (this.#setting.serverTls || !this.#setting.greeted) return;
    const fullAuthentication = payload[0] === 0x01 && payload[1] === 0x04;
    const clearPassword =
      payload[0] === 0xfe &&
      Buffer.from(payload.subarray(1, 40)).toString("latin1").startsWith("mysql_clear_password");
    if (fullAuthentication || clearPassword) {
      throw new MysqlError(
        "the server wants the password in clear, and there is no TLS to it: set the service's tls",
      );
    }
  }

  #finish(): void {
    this.#state = "over";
    this.#peers.done(this.#client, this.#server);
  }

  /** User and database, once the client has named them. */
  get names(): { user: string; database: string | undefined } | undefined {
    const login = this.#login;
    if (!login) return undefined;
    const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");
    return { user: decode(login.user), database: login.database && decode(login.database) };
  }
}
