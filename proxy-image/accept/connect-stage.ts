import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { PrincipalChain } from "../../policy/decide/index.ts";
import { lostGround } from "../access.ts";
import type { Connection } from "../connection.ts";
import { accessAnswer, accessList, explain } from "../credentials/access-answer.ts";
import { chainOf, type Outcome, refused } from "../credentials/credential.ts";
import { type ConnectHead, readConnectHead } from "../protocol/connect-head.ts";
import { sentence } from "../protocol/refusal.ts";
import type { Generation } from "../state.ts";
import { answerAndClose } from "./answer.ts";
import { awaitOutcome } from "./credential-waits.ts";
import { challenge, jsonAnswer, refusalAnswer } from "./http-answer.ts";
import { principalOf } from "./identify-client.ts";
import type { TransportFacts } from "./transport.ts";

type CompleteHead = Extract<ConnectHead, { readonly state: "done" }>;

/** The shared port's stage: reads the head inside TLS, verifies whom its credential names, and finds what is meant. */
export class ConnectStage {
  readonly #connection: Connection;
  readonly #transport: TransportFacts;
  readonly #maxHead: number;
  /** Under which the certificate was verified. */
  readonly #generation: Generation;
  #bytes: Uint8Array = new Uint8Array(0);
  #head: CompleteHead | undefined;
  #paused = false;

  constructor(
    connection: Connection,
    transport: TransportFacts,
    listener: Extract<ProxyListener, { mode: "connect" }>,
  ) {
    this.#connection = connection;
    this.#transport = transport;
    this.#maxHead = listener.maxHeadBytes;
    this.#generation = connection.state.generation;
  }

  /** The client has said all that it wants, and may have ended its side. */
  get holdsRequest(): boolean {
    return this.#head !== undefined && (this.#bytes.length > 0 || this.#head.method === "GET");
  }

  push(data: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data]);
    if (this.#head) this.#hold();
    else this.#read();
  }

  #read(): void {
    const head = readConnectHead(this.#bytes, this.#maxHead);
    const connection = this.#connection;
    if (head.state === "more") return;
    if (head.state === "bad") {
      const { status, why } = head;
      connection.client.write(refusalAnswer(connection, status, { error: "bad_request", message: why }));
      connection.finish("protocol-refused", why);
      return;
    }
    this.#head = head;
    this.#bytes = this.#bytes.subarray(head.length);
    connection.wantsJson = head.headers.get("accept")?.includes("application/json") ?? false;
    if (head.authorization === undefined) {
      this.#proceed(head, principalOf(connection, this.#transport.workload));
      return;
    }
    this.#hold();
    const { credentials } = connection.state.generation;
    const certificate = this.#transport.workload?.leaf;
    awaitOutcome(
      connection,
      credentials.verify(head.authorization, certificate, connection.sourceAddress, Date.now()),
      (outcome, detail) => this.#verified(head, outcome, detail),
    );
  }

  #verified(head: CompleteHead, outcome: Outcome, detail?: string): void {
    const connection = this.#connection;
    const transport = principalOf(connection, this.#transport.workload);
    const principal = outcome.ok ? chainOf(transport, outcome.credential) : undefined;
    const { metrics } = connection.state;
    if (outcome.ok && principal) {
      metrics.credential(outcome.credential.provider, "ok");
      connection.credential = outcome.credential;
      this.#proceed(head, principal);
      return;
    }
    const { refusal, why, provider } = outcome.ok
      ? refused("conflict", "certificate and credential name different agents")
      : outcome;
    metrics.credential(provider ?? "none", refusal);
    const unavailable = refusal === "unavailable";
    const message = { error: unavailable ? "unavailable" : "invalid_token", message: why };
    connection.client.write(
      unavailable
        ? refusalAnswer(connection, 503, message)
        : refusalAnswer(connection, 407, { ...message, challenge: challenge(why) }),
    );
    connection.finish("credential-refused", `${refusal}: ${detail ?? why}`);
  }

  #proceed(head: CompleteHead, principal: PrincipalChain): void {
    const connection = this.#connection;
    const { credential, state } = connection;
    connection.principal = principal;
    // Time has passed since the handshake, and since the credential was shown: what vouched for them may be gone.
    const lost = state.generation === this.#generation ? undefined : lostGround(connection, true);
    if (lost !== undefined) {
      const message = `${lost}; connect again`;
      connection.client.write(refusalAnswer(connection, 403, { error: "access_denied", message }));
      connection.finish("access-lost", lost);
      return;
    }
    if (head.method === "GET") {
      this.#answer(head, principal);
      return;
    }
    // Only declared services can be dialled: the name is looked up here, never in DNS.
    const service = state.services.get(head.host);
    if (!service?.port(head.port)) {
      this.#refuseUnknown(head, principal);
      return;
    }
    connection.overHttp = true;
    connection.headRead();
    // First, because what was held may be enough to pause the client again.
    if (this.#paused) connection.client.resume();
    connection.identified(this.#transport, service, head.port, principal, credential?.until);
    if (this.#bytes.length > 0) connection.data(this.#bytes);
  }

  /** In the words in which a service is refused that is there: the difference is nobody's business. */
  #refuseUnknown({ host, port }: CompleteHead, principal: PrincipalChain): void {
    const connection = this.#connection;
    const { judge } = connection.state.generation;
    const verdict = judge.judge(
      { service: host, port, principal, sourceIp: connection.sourceAddress },
      Date.now(),
    );
    connection.verdict = verdict;
    const { missing } = explain(connection, principal, host, port, verdict);
    connection.client.write(
      isNobody(connection, principal)
        ? askForCredential(connection)
        : refusalAnswer(connection, 403, {
            error: "access_denied",
            message: sentence("denied", host),
            service: host,
            missing,
          }),
    );
    connection.finish("denied", `no service ${host}:${port}`);
  }

  #answer(head: CompleteHead, principal: PrincipalChain): void {
    const connection = this.#connection;
    if (isNobody(connection, principal)) {
      connection.client.write(askForCredential(connection));
      connection.finish("credential-refused", "none was shown");
      return;
    }
    if (connection.state.revocations.holds(principal, connection.state.generation.agents, Date.now())) {
      const message = "access was withdrawn by an operator";
      connection.client.write(refusalAnswer(connection, 403, { error: "access_denied", message }));
      connection.finish("revoked");
      return;
    }
    const value =
      head.host === ""
        ? accessList(connection, principal)
        : accessAnswer(connection, principal, head.host, head.port);
    answerAndClose(connection, jsonAnswer(value));
  }

  /** The client may go on to speak while its credential is verified, but not without bound. */
  #hold(): void {
    const { bufferBytes } = this.#connection.state.generation.config.limits;
    if (this.#paused || this.#bytes.length <= bufferBytes) return;
    this.#paused = true;
    this.#connection.client.pause();
  }
}

/** Nothing is known of the client, and something could be. */
export function isNobody({ state }: Connection, principal: PrincipalChain): boolean {
  const { workload, person, agent } = principal;
  return workload === undefined && !person && agent === undefined && state.generation.credentials.any;
}

export function askForCredential(connection: Connection): Uint8Array {
  return refusalAnswer(connection, 407, {
    error: "credential_required",
    message: "show a credential, for example by `portreeve login`",
    challenge: challenge(),
  });
}
