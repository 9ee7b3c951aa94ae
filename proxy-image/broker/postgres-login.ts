import type { LoginNames, Middle } from "../connect/middle.ts";
import { append, type BrokerPeers, MAX_HELD, NOTHING } from "./login.ts";
import {
  authenticationOf,
  type Message,
  PostgresError,
  parameter,
  readMessage,
  readOpening,
  type Startup,
  sqlStateOf,
  writeFatal,
  writePassword,
  writeStartup,
} from "./postgres-messages.ts";

/** SQLSTATE protocol_violation, and invalid_authorization_specification. */
const VIOLATION = "08P01";
const NOT_AUTHORIZED = "28000";

/**
 * Logs in to PostgreSQL for a client that has no password.
 *
 *     client                 proxy                      server
 *       |-- StartupMessage --->|                           |      user and database that the client asks for
 *       |                      |-- StartupMessage -------->|      the same, as the user that its grant names
 *       |                      |<-- cleartext password? ---|      how RDS asks for a token
 *       |                      |-- PasswordMessage ------->|      the token
 *       |<-- AuthenticationOk -|<-- AuthenticationOk ------|      from here on byte for byte
 *
 * TLS to the server is verified before this begins. A request for encryption inside of the client's own is answered "no",
 * as a server does whose connection is secured otherwise. A CancelRequest needs no login and passes.
 */
export class PostgresLogin implements Middle {
  readonly #peers: BrokerPeers;
  #client: Uint8Array = NOTHING;
  #server: Uint8Array = NOTHING;
  #startup: Startup | undefined;
  #user: string | undefined;
  #token: string | undefined;
  #state: "opening" | "credential" | "answer" | "over" = "opening";
  #encryptionRequests = 0;

  constructor(peers: BrokerPeers) {
    this.#peers = peers;
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
    if (!this.#startup) return undefined;
    const asked = parameter(this.#startup, "user");
    return {
      user: this.#user,
      database: parameter(this.#startup, "database") ?? asked,
      askedUser: asked === this.#user ? undefined : asked,
      application: parameter(this.#startup, "application_name"),
    };
  }

  #run(): void {
    try {
      while (this.#step());
      if (this.#state !== "over") this.#checkHeld();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      this.#fail(VIOLATION, error.message);
    }
  }

  /** True when there may be more to do with what is held. */
  #step(): boolean {
    switch (this.#state) {
      case "opening":
        return this.#onClient();
      case "answer":
        return this.#onServer();
      case "credential":
      case "over":
        return false;
    }
  }

  #onClient(): boolean {
    const opening = readOpening(this.#client);
    if (!opening) return false;
    const rest = this.#client.subarray(opening.length);
    switch (opening.kind) {
      case "encryption-request":
        this.#encryptionRequests += 1;
        // One of each kind is all that a client has; and what stands behind one was sent before the answer (CVE-2021-23222).
        if (this.#encryptionRequests > 2) throw new PostgresError("one encryption request after another");
        if (rest.length > 0) throw new PostgresError("data behind an encryption request");
        this.#client = NOTHING;
        this.#peers.toClient(Uint8Array.of(0x4e));
        return false;
      case "cancel-request":
        this.#state = "over";
        this.#peers.cancelElsewhere(this.#client.slice(0, opening.length));
        this.#peers.done(this.#client, this.#server);
        return false;
      case "startup":
        this.#client = rest;
        this.#begin(opening.startup);
        return true;
    }
  }

  #begin(startup: Startup): void {
    this.#startup = startup;
    this.#state = "credential";
    this.#peers.credential(parameter(startup, "user"), (user, token) => {
      if (this.#state !== "credential") return;
      this.#user = user;
      this.#token = token;
      this.#state = "answer";
      this.#peers.toServer(writeStartup(startup, user));
      this.#run();
    });
  }

  #onServer(): boolean {
    const message = readMessage(this.#server);
    if (!message) return false;
    switch (message.type) {
      case "R":
        return this.#onAuthentication(message);
      case "E": {
        const words = this.#server;
        this.#state = "over";
        this.#peers.refused(
          words,
          `the server refused the login of ${this.#user} (${sqlStateOf(message.body)})`,
        );
        return false;
      }
      // A notice, or which protocol version the server speaks: told to the client as it is.
      case "N":
      case "v":
        this.#peers.toClient(this.#server.subarray(0, message.length));
        this.#server = this.#server.subarray(message.length);
        return true;
      default:
        throw new PostgresError(`the server sent "${message.type}" in the middle of a login`);
    }
  }

  #onAuthentication(message: Message): boolean {
    const asked = authenticationOf(message.body);
    switch (asked) {
      case "ok":
        this.#state = "over";
        this.#token = undefined;
        this.#peers.done(this.#client, this.#server);
        return false;
      case "cleartext": {
        const token = this.#token;
        if (token === undefined) throw new PostgresError("the server asked for the password twice");
        if (token === "") {
          this.#fail(
            NOT_AUTHORIZED,
            `the server asks ${this.#user} for a password, and should believe the proxy without one (\`auth: trust\`)`,
          );
          return false;
        }
        this.#token = undefined;
        this.#server = this.#server.subarray(message.length);
        this.#peers.toServer(writePassword(token));
        return true;
      }
      case "MD5":
      case "SCRAM":
      case "GSSAPI":
      case "another":
        // A token is no password that could be proven: the user is not one that logs in by IAM.
        this.#fail(
          NOT_AUTHORIZED,
          `the server asks ${this.#user} for ${asked} authentication, not for an IAM token: GRANT rds_iam TO the user`,
        );
        return false;
    }
  }

  /** What a client sends before it is logged in is held for the server; but nobody asked it for a password. */
  #checkHeld(): void {
    if (this.#state !== "opening" && this.#client[0] === 0x70) {
      throw new PostgresError("a password, although none was asked for");
    }
    if (this.#client.length > MAX_HELD || this.#server.length > MAX_HELD + 8) {
      throw new PostgresError("more than a login can be");
    }
  }

  #fail(state: string, why: string): void {
    this.#state = "over";
    this.#token = undefined;
    this.#peers.failed(writeFatal(state, `portreeve: ${why}`), why);
  }
}
