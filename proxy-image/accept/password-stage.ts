import { lostGround } from "../access.ts";
import { PostgresError, readMessage, readOpening, writeFatal } from "../broker/postgres-messages.ts";
import type { Connection } from "../connection.ts";
import { chainOf, type Outcome, refused } from "../credentials/credential.ts";
import { MAX_TOKEN } from "../credentials/oidc.ts";
import type { Generation, ServiceState } from "../state.ts";
import { currentListener } from "./admit.ts";
import { awaitOutcome } from "./credential-waits.ts";
import { principalOf } from "./identify-client.ts";
import type { TransportFacts } from "./transport.ts";

/** SQLSTATE invalid_password, and cannot_connect_now. */
const INVALID_PASSWORD = "28P01";
const CANNOT_CONNECT = "57P03";
/** AuthenticationCleartextPassword. */
const ASK_PASSWORD: Uint8Array = Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 3);
/** The answer to a request for encryption inside of the TLS that is there already. */
const NO_ENCRYPTION: Uint8Array = Uint8Array.of(0x4e);

const NO_TOKENS = "the port takes no tokens of this provider any more";

/** Whose tokens the client's port takes now; undefined for none. */
function providerOf({ state, listener }: Connection): string | undefined {
  const now = currentListener(state, listener);
  return now.mode === "tls" ? now.passwordToken?.provider : undefined;
}

/**
 * A stock PostgreSQL client whose password is a token of an identity provider. The proxy asks for it in the server's place,
 * inside TLS, and keeps it: what goes on is the start-up message, from which the login in the client's place begins
 * (`broker/`).
 *
 *     client                       proxy
 *       |-- StartupMessage --------->|
 *       |<-- cleartext password? ----|
 *       |-- PasswordMessage: token ->|   verified; then verdict, dial, login as the user that the grant names
 */
export class PasswordStage {
  readonly #connection: Connection;
  readonly #transport: TransportFacts;
  readonly #target: { readonly service: ServiceState; readonly port: number };
  /** By whose word the password was judged. */
  #provider: string | undefined;
  /** Under which the certificate was verified. */
  readonly #generation: Generation;
  #bytes: Uint8Array = new Uint8Array(0);
  #startup: Uint8Array | undefined;
  #verifying = false;
  #encryptionRequests = 0;

  constructor(
    connection: Connection,
    transport: TransportFacts,
    target: { readonly service: ServiceState; readonly port: number },
  ) {
    this.#connection = connection;
    this.#transport = transport;
    this.#target = target;
    this.#generation = connection.state.generation;
  }

  /** A client that ends its side before it is logged in is gone. */
  readonly holdsRequest = false;

  push(data: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data]);
    try {
      if (this.#verifying) throw new PostgresError("more, before the login was answered");
      if (!this.#startup) this.#readOpening();
      else this.#readPassword();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      this.#refuse("08P01", error.message, "protocol-refused");
    }
  }

  #readOpening(): void {
    const opening = readOpening(this.#bytes);
    if (!opening) return;
    const rest = this.#bytes.subarray(opening.length);
    switch (opening.kind) {
      case "encryption-request":
        this.#encryptionRequests += 1;
        if (this.#encryptionRequests > 2 || rest.length > 0) {
          throw new PostgresError("one encryption request after another");
        }
        this.#bytes = rest;
        this.#connection.client.write(NO_ENCRYPTION);
        return;
      case "cancel-request":
        // It carries no password, so nobody knows whose it is.
        this.#connection.finish("denied", "a cancel request shows no credential");
        return;
      case "startup":
        if (rest.length > 0) throw new PostgresError("data behind the start-up message");
        this.#startup = this.#bytes;
        this.#bytes = rest;
        this.#connection.client.write(ASK_PASSWORD);
        return;
    }
  }

  #readPassword(): void {
    if (this.#bytes.length > MAX_TOKEN + 16) throw new PostgresError("a password longer than a token is");
    const message = readMessage(this.#bytes);
    if (!message) return;
    const { type, body, length } = message;
    if (type !== "p" || body.at(-1) !== 0 || this.#bytes.length > length) {
      throw new PostgresError("a password was expected");
    }
    const token = Buffer.from(body.subarray(0, -1)).toString("latin1");
    this.#bytes = new Uint8Array(0);
    this.#verifying = true;
    // Of this moment: a reload may have come since the handshake, or since the client was asked for its password.
    this.#provider = providerOf(this.#connection);
    if (this.#provider === undefined) {
      this.#refuse(INVALID_PASSWORD, `${NO_TOKENS}; connect again`, "access-lost", NO_TOKENS);
      return;
    }
    const { credentials } = this.#connection.state.generation;
    const certificate = this.#transport.workload?.leaf;
    awaitOutcome(
      this.#connection,
      credentials.verifyToken(token, certificate, Date.now(), this.#provider),
      (outcome, detail) => this.#verified(outcome, detail),
    );
  }

  #verified(outcome: Outcome, detail?: string): void {
    const connection = this.#connection;
    const transport = principalOf(connection, this.#transport.workload);
    const principal = outcome.ok ? chainOf(transport, outcome.credential) : undefined;
    const { metrics } = connection.state;
    if (outcome.ok && principal && this.#startup) {
      metrics.credential(outcome.credential.provider, "ok");
      connection.credential = outcome.credential;
      connection.principal = principal;
      // Time has passed since the handshake: what vouched for certificate and token may be gone.
      const lost = connection.state.generation === this.#generation ? undefined : this.#lost();
      if (lost !== undefined) {
        this.#refuse(INVALID_PASSWORD, `${lost}; connect again`, "access-lost", lost);
        return;
      }
      connection.headRead();
      const { until } = outcome.credential;
      const { service, port } = this.#target;
      connection.identified(this.#transport, service, port, principal, until);
      connection.data(this.#startup);
      return;
    }
    const { refusal, why } = outcome.ok
      ? refused("conflict", "certificate and token name different agents")
      : outcome;
    metrics.credential(this.#provider ?? "none", refusal);
    const state = refusal === "unavailable" ? CANNOT_CONNECT : INVALID_PASSWORD;
    this.#refuse(
      state,
      `the password is no token that is accepted: ${why}`,
      "credential-refused",
      `${refusal}: ${detail ?? why}`,
    );
  }

  #lost(): string | undefined {
    const connection = this.#connection;
    const { service } = this.#target;
    if (providerOf(connection) !== this.#provider) return NO_TOKENS;
    if (connection.state.services.get(service.config.name) !== service) {
      return "the service is no longer declared";
    }
    return lostGround(connection, true);
  }

  #refuse(
    state: string,
    words: string,
    reason: "protocol-refused" | "credential-refused" | "access-lost",
    error: string = words,
  ): void {
    const connection = this.#connection;
    connection.client.write(writeFatal(state, `portreeve: ${words} (connection ${connection.id})`));
    connection.finish(reason, error);
  }
}
