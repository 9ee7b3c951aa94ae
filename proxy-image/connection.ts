import type { ProxyAgent, ProxyListener, ProxyRule } from "../policy/compile/proxy/config.ts";
import type { PrincipalChain, Verdict } from "../policy/decide/index.ts";
import { ConnectStage, ESTABLISHED, response } from "./accept/connect-stage.ts";
import type { CloseReason } from "./close-reason.ts";
import type { Applicant } from "./connect/admission.ts";
import type { LaterTls } from "./connect/dial.ts";
import type { Endpoint } from "./connect/endpoints.ts";
import { type Limited, liveLimit, rateLimit } from "./connect/limits.ts";
import { MysqlLogin } from "./connect/mysql-login.ts";
import { mysqlPeers } from "./connect/mysql-peers.ts";
import { Connecting } from "./connect.ts";
import type { WorkloadIdentity } from "./identify.ts";
import { hasNotes, NoteTaker } from "./protocol/notes.ts";
import { refusalMessage, refusalStatus, sentence } from "./protocol/refusal.ts";
import { writeRecord } from "./record.ts";
import { Direction } from "./relay.ts";
import { NEVER, RelayBounds } from "./relay-bounds.ts";
import type { Timed } from "./runtime/deadlines.ts";
import type { Stream, StreamEvents } from "./runtime/stream.ts";
import type { ProxyState, ServiceState } from "./state.ts";

/** What the transport of a client proved. */
export interface TransportFacts {
  readonly workload: WorkloadIdentity | undefined;
  readonly sni: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly resumed: boolean;
}

export type Phase = "identify" | "queue" | "connect" | "relay" | "closed";

/** How long a closed connection's peer may take to close too, before it is reset. */
const LINGER_MS = 2_000;
/** Keepalive is switched on once a connection has lived this long: for a short one it would be system calls for nothing. */
const KEEPALIVE_AFTER_MS = 5_000;

/**
 * One client's connection on its way through the stages. It owns both sockets: they are closed through `finish`, which
 * runs once and writes the one record.
 */
export class Connection implements Timed, Applicant, StreamEvents {
  slot: Set<Timed> | undefined;
  readonly #serial: number;
  readonly state: ProxyState;
  readonly listener: ProxyListener;
  readonly toService: Direction;
  readonly toClient: Direction;
  phase: Phase = "identify";
  /** Epoch milliseconds. */
  readonly acceptedAt = Date.now();
  /** Monotonic milliseconds, as the four below; 0 until it happened. */
  readonly startedAt = performance.now();
  identifiedAt = 0;
  admittedAt = 0;
  connectedAt = 0;
  firstByteAt = 0;
  /** The TCP peer. */
  peerAddress: string;
  peerPort: number;
  /** The client: the TCP peer, or who the PROXY header says. */
  sourceAddress: string;
  sourcePort: number;
  transport: TransportFacts | undefined;
  principal: PrincipalChain = {};
  principalKey = "";
  service: ServiceState | undefined;
  servicePort = 0;
  verdict: Verdict | undefined;
  /** The rules that the verdict rests on. */
  rules: readonly ProxyRule[] = [];
  /** The endpoint that counts this connection as its own. */
  endpoint: Endpoint | undefined;
  /** Where it was connected to. */
  upstreamAddress: string | undefined;
  closeReason: CloseReason | undefined;
  error: string | undefined;
  /** Read from the first bytes, passively. */
  notes: Readonly<Record<string, string>> | undefined;
  /** Bytes already told to metrics, by direction. */
  reportedSent = 0;
  reportedReceived = 0;
  /** Came by HTTP CONNECT: told of success and refusal as HTTP. */
  overHttp = false;
  /** The proxy has greeted this MySQL client itself. */
  mysqlGreeted = false;
  client: Stream;
  #upstream: Stream | undefined;
  #connecting: Connecting | undefined;
  #clientGone = false;
  #upstreamGone = true;
  #firstEnded: "client-closed" | "upstream-closed" | undefined;
  readonly #bounds = new RelayBounds();
  #deadline = NEVER;
  #nextUpdate = NEVER;
  #keepAliveAt = NEVER;
  #holdsPlace = false;
  #noteTaker: NoteTaker | undefined;
  #head: ConnectStage | undefined;
  #login: MysqlLogin | undefined;

  constructor(
    state: ProxyState,
    listener: ProxyListener,
    client: Stream,
    peer: { readonly address: string; readonly port: number },
  ) {
    this.state = state;
    this.listener = listener;
    this.client = client;
    this.#serial = state.nextSerial();
    this.peerAddress = peer.address;
    this.peerPort = peer.port;
    this.sourceAddress = peer.address;
    this.sourcePort = peer.port;
    const { bufferBytes, handshakeTimeout } = state.generation.config.limits;
    this.toService = new Direction(bufferBytes);
    this.toClient = new Direction(bufferBytes);
    this.toService.source = client;
    const now = state.deadlines.now;
    this.#bounds.lastActive = now;
    state.live.add(this);
    state.handshakes += 1;
    this.#deadline = now + handshakeTimeout;
    state.deadlines.set(this, this.#deadline);
  }

  get id(): string {
    return this.state.idOf(this.#serial);
  }

  /** A later layer of the same client takes over its bytes: TLS that began inside the TCP connection. */
  replaceClient(client: Stream): void {
    this.client = client;
    this.toService.source = client;
  }

  /**
   * The client has proved who it is and which service it means: the verdict falls here, before anything is dialled.
   */
  identified(
    transport: TransportFacts,
    service: ServiceState,
    port: number,
    principal: PrincipalChain,
  ): void {
    if (this.phase !== "identify") return;
    this.state.handshakes -= 1;
    this.phase = "queue";
    this.identifiedAt = performance.now();
    this.transport = transport;
    this.service = service;
    this.servicePort = port;
    this.principal = principal;
    this.principalKey = principalKeyOf(principal, this.sourceAddress);
    const protocol = service.port(port)?.protocol ?? "tcp";
    if (service.config.notes && hasNotes(protocol) && !this.mysqlGreeted)
      this.#noteTaker = new NoteTaker(protocol);
    const verdict = this.judge();
    this.verdict = verdict;
    this.state.metrics.verdict(verdict);
    this.state.metrics.opened(this);
    if (verdict.verdict === "deny") {
      this.finish("denied", verdict.reason);
      return;
    }
    this.rules = this.#rulesOf(verdict);
    if (!this.state.audit.healthy && this.#auditRequired()) {
      this.finish("audit-unavailable");
      return;
    }
    this.#admit(service);
  }

  /** The shared port: the client still has to name its service. */
  awaitHead(transport: TransportFacts, listener: Extract<ProxyListener, { mode: "connect" }>): void {
    this.transport = transport;
    this.#head = new ConnectStage(this, transport, listener);
    this.#head.push(new Uint8Array(0));
  }

  /** The head is read; what follows is the connection's own. */
  headRead(): void {
    this.#head = undefined;
  }

  judge(): Verdict {
    return this.state.generation.judge.judge(
      {
        service: this.service?.config.name ?? "",
        port: this.servicePort,
        principal: this.principal,
        sourceIp: this.sourceAddress,
        sni: this.transport?.sni,
      },
      Date.now(),
    );
  }

  /** After a reload, or when a rule began or ended: ends the connection if it lost access. */
  judgeAgain(trustChanged: boolean): void {
    if (this.phase === "identify" || this.phase === "closed") return;
    const workload = this.transport?.workload;
    if (trustChanged && workload && !this.state.generation.identifier.stillVouched(workload, Date.now())) {
      this.finish("access-lost", "no trust bundle vouches for its certificate any more");
      return;
    }
    const name = this.service?.config.name ?? "";
    const service = this.state.services.get(name);
    if (service !== this.service) {
      this.finish("access-lost", "the service is no longer declared");
      return;
    }
    const verdict = this.judge();
    if (verdict.verdict === "deny") {
      this.verdict = verdict;
      this.finish("access-lost", verdict.reason);
      return;
    }
    this.verdict = verdict;
    // Somebody who waits for a place holds none of the rules' places yet.
    if (this.#holdsPlace) this.state.counts.leaveRules(this.rules, this.principalKey);
    this.rules = this.#rulesOf(verdict);
    if (this.#holdsPlace) this.state.counts.enterRules(this.rules, this.principalKey);
    this.#setBounds();
    if (this.phase === "relay") this.state.deadlines.set(this, this.due(this.state.deadlines.now));
  }

  #rulesOf(verdict: Verdict): ProxyRule[] {
    const name = this.service?.config.name ?? "";
    const rules = verdict.rules.map((id) => this.state.generation.judge.rule(name, id));
    return rules.filter((rule) => rule !== undefined);
  }

  get #agent(): ProxyAgent | undefined {
    const { agent } = this.principal;
    return agent === undefined ? undefined : this.state.generation.agents.get(agent);
  }

  get #limited(): Limited {
    const { principalKey, rules } = this;
    const perPrincipal = this.state.generation.config.limits.maxConnectionsPerPrincipal;
    return { principalKey, rules, agent: this.#agent, perPrincipal };
  }

  #auditRequired(): boolean {
    return this.state.generation.config.audit.required || this.service?.config.audit === "required";
  }

  #admit(service: ServiceState): void {
    const limited = this.#limited;
    const { counts, rates, deadlines } = this.state;
    const reached = liveLimit(limited, counts) ?? rateLimit(limited, rates, deadlines.now);
    if (reached !== undefined) {
      this.finish("limit", reached);
      return;
    }
    const admission = service.admission.ask(this);
    switch (admission) {
      case "admitted":
        this.admitted();
        return;
      case "queued":
        this.#deadline = this.state.deadlines.now + service.config.limits.queueTimeout;
        this.state.deadlines.set(this, this.#deadline);
        return;
      case "service-limit":
      case "principal-limit":
      case "queue-full":
        this.finish("limit", admission);
        return;
    }
  }

  /** There is a place at the service: connect. */
  admitted(): void {
    const service = this.service;
    if (this.phase !== "queue" || !service) return;
    this.#holdsPlace = true;
    this.state.counts.enter(this.principalKey);
    this.state.counts.enterRules(this.rules, this.principalKey);
    const reached = liveLimit(this.#limited, this.state.counts, true);
    if (reached !== undefined) {
      this.finish("limit", reached);
      return;
    }
    this.#setBounds();
    this.admittedAt = performance.now();
    this.phase = "connect";
    this.#deadline = this.state.deadlines.now + service.config.connectTimeout;
    this.state.deadlines.set(this, this.#deadline);
    this.#connecting = new Connecting(this, service);
    this.#connecting.start();
  }

  /** The endpoint is connected and verified. */
  connected(upstream: Stream, address: string, later?: LaterTls): StreamEvents {
    this.#connecting = undefined;
    this.#upstream = upstream;
    this.#upstreamGone = false;
    this.phase = "relay";
    this.upstreamAddress = address;
    this.connectedAt = performance.now();
    const now = this.state.deadlines.now;
    this.#bounds.lastActive = now;
    const { updateInterval } = this.state.generation.config.audit;
    this.#nextUpdate = updateInterval > 0 ? now + updateInterval : NEVER;
    this.#keepAliveAt = now + KEEPALIVE_AFTER_MS;
    if (this.overHttp) this.client.write(ESTABLISHED);
    this.toClient.source = upstream;
    const protocol = this.service?.port(this.servicePort)?.protocol;
    if (protocol === "mysql" && (this.mysqlGreeted || later)) this.#startLogin(later);
    else this.#startRelay(upstream);
    this.state.deadlines.set(this, this.due(now));
    return new UpstreamSide(this);
  }

  #startRelay(upstream: Stream): void {
    this.toClient.sink = this.client;
    this.toService.sink = upstream;
  }

  /** MySQL whose TLS begins inside its protocol on either side: the login needs somebody in the middle. */
  #startLogin(later: LaterTls | undefined): void {
    this.#bounds.loginUntil = this.state.deadlines.now + this.state.generation.config.limits.handshakeTimeout;
    const login = new MysqlLogin(mysqlPeers(this, later), {
      greeted: this.mysqlGreeted,
      serverTls: later !== undefined,
    });
    this.#login = login;
    if (later) login.fromServer(later.greeting);
    for (const bytes of this.toService.takeHeld()) this.#login?.fromClient(bytes);
  }

  /** The endpoint, once connected. */
  get upstream(): Stream | undefined {
    return this.#upstream;
  }

  /** TLS to the endpoint began inside the connection. */
  upstreamSecured(upstream: Stream): void {
    this.#upstream = upstream;
    this.toClient.source = upstream;
  }

  /** The server has answered the login: from here on bytes pass as they are, these first. */
  loggedIn(fromClient: Uint8Array, fromServer: Uint8Array): void {
    const { user, database } = this.#login?.names ?? {};
    this.notes = {
      ...this.notes,
      ...(user && { "db.user": user }),
      ...(database && { "db.name": database }),
    };
    this.#login = undefined;
    this.#bounds.loginUntil = NEVER;
    if (this.#upstream) this.#startRelay(this.#upstream);
    if (fromClient.length > 0) this.toService.push(fromClient);
    if (fromServer.length > 0) this.toClient.push(fromServer);
  }

  // --- the client's side

  data(data: Uint8Array): void {
    if (this.phase === "closed") return;
    this.#bounds.lastActive = this.state.deadlines.now;
    if (this.#head) {
      this.#head.push(data);
      return;
    }
    if (this.#login) {
      this.#login.fromClient(data);
      return;
    }
    if (this.#noteTaker) this.#takeNote(data);
    this.toService.push(data);
    if (this.#bounds.maxBytes !== NEVER) this.#checkBytes();
  }

  drain(): void {
    this.toClient.flush();
    this.#settle();
  }

  ended(): void {
    if (this.phase === "closed") return;
    this.#firstEnded ??= "client-closed";
    if (this.#login) {
      this.finish("client-closed", "in the middle of the login");
      return;
    }
    // Both sides are done and nothing is held: closing says so too, and is one system call instead of two.
    if (this.phase === "relay" && this.toClient.finished && this.toService.heldBytes === 0) {
      this.finish(this.#firstEnded);
      return;
    }
    this.toService.end();
    if (this.phase === "relay") {
      this.#settle();
      return;
    }
    // A client that leaves before it is connected is gone, unless it has sent a request and half-closed.
    if (this.phase === "identify" || this.toService.heldBytes === 0) this.finish("client-closed");
  }

  closed(error: string | undefined): void {
    this.#clientGone = true;
    if (this.phase === "closed") {
      this.#forgetIfGone();
      return;
    }
    if (this.phase === "identify") {
      this.finish("handshake-failed", this.error ?? error ?? "closed");
      return;
    }
    if (error !== undefined) {
      this.finish("client-reset", error);
      return;
    }
    this.#firstEnded ??= "client-closed";
    this.toClient.discard();
    this.toService.end();
    if (this.phase !== "relay" || this.toService.finished) this.finish(this.#firstEnded);
    else this.#halfClosed();
  }

  // --- the endpoint's side

  upstreamData(data: Uint8Array): void {
    if (this.phase !== "relay") return;
    this.#bounds.lastActive = this.state.deadlines.now;
    if (this.firstByteAt === 0) this.firstByteAt = performance.now();
    if (this.#login) {
      this.#login.fromServer(data);
      return;
    }
    if (!this.#clientGone) this.toClient.push(data);
    if (this.#bounds.maxBytes !== NEVER) this.#checkBytes();
  }

  upstreamDrain(): void {
    this.toService.flush();
    this.#settle();
  }

  upstreamEnded(): void {
    if (this.phase !== "relay") return;
    this.#firstEnded ??= "upstream-closed";
    if (this.#login) {
      this.finish("upstream-closed", "in the middle of the login");
      return;
    }
    if (this.toService.finished && this.toClient.heldBytes === 0 && !this.#clientGone) {
      this.finish(this.#firstEnded);
      return;
    }
    this.toClient.end();
    this.#settle();
  }

  upstreamClosed(error: string | undefined): void {
    this.#upstreamGone = true;
    if (this.phase === "closed") {
      this.#forgetIfGone();
      return;
    }
    if (error !== undefined) {
      this.finish("upstream-reset", error);
      return;
    }
    this.#firstEnded ??= "upstream-closed";
    this.toService.discard();
    this.toClient.end();
    if (this.toClient.finished) this.finish(this.#firstEnded);
    else this.#halfClosed();
  }

  /** Ends the connection when both directions are done, or starts the clock when one is. */
  #settle(): void {
    if (this.phase !== "relay") return;
    const { toService, toClient } = this;
    const reason = this.#firstEnded;
    if (reason === undefined) return;
    const serviceDone = toService.finished || this.#upstreamGone;
    const clientDone = toClient.finished || this.#clientGone;
    if (serviceDone && clientDone) this.finish(reason);
    else this.#halfClosed();
  }

  #halfClosed(): void {
    if (this.#bounds.halfClosedAt !== NEVER) return;
    this.#bounds.halfClosedAt = this.state.deadlines.now;
    this.state.deadlines.set(this, this.due(this.#bounds.halfClosedAt));
  }

  #checkBytes(): void {
    if (this.toService.bytes + this.toClient.bytes > this.#bounds.maxBytes) this.finish("byte-limit");
  }

  // --- bounds

  #setBounds(): void {
    if (this.service) this.#bounds.apply(this.service.config, this.rules, this.#agent, this.startedAt);
  }

  due(now: number): number {
    switch (this.phase) {
      case "identify":
        if (now >= this.#deadline) this.finish("handshake-timeout");
        return this.#deadline;
      case "queue":
        if (now >= this.#deadline) this.finish("queue-timeout");
        return this.#deadline;
      case "connect":
        if (now >= this.#deadline) this.finish("connect-timeout", this.#connecting?.lastError);
        return this.#deadline;
      case "relay":
        return this.#dueInRelay(now);
      case "closed":
        if (!this.#clientGone) this.client.terminate();
        if (!this.#upstreamGone) this.#upstream?.terminate();
        return NEVER;
    }
  }

  #dueInRelay(now: number): number {
    const service = this.service?.config;
    if (!service) return NEVER;
    const reason = this.#bounds.reached(now, service);
    if (reason !== undefined) {
      this.finish(reason);
      return NEVER;
    }
    if (now >= this.#nextUpdate) {
      this.#nextUpdate = now + this.state.generation.config.audit.updateInterval;
      writeRecord(this, "update");
    }
    if (now >= this.#keepAliveAt) this.#keepAlive();
    return Math.min(this.#bounds.next(service), this.#nextUpdate, this.#keepAliveAt);
  }

  #keepAlive(): void {
    this.#keepAliveAt = NEVER;
    const keepalive = this.service?.config.keepalive ?? 0;
    if (keepalive === 0) return;
    this.#upstream?.setKeepAlive(true, keepalive);
    this.client.setKeepAlive(true, keepalive);
  }

  #takeNote(data: Uint8Array): void {
    const note = this.#noteTaker?.take(data);
    if (note === "more") return;
    this.#noteTaker = undefined;
    if (note !== undefined && note !== "none") this.notes = { ...this.notes, ...note };
  }

  // --- the end

  /** Ends the connection, once; every later call is of no effect. */
  finish(reason: CloseReason, error?: string): void {
    if (this.phase === "closed") return;
    const phase = this.phase;
    this.phase = "closed";
    this.closeReason = reason;
    this.error = error;
    this.state.live.delete(this);
    if (phase === "identify") this.state.handshakes -= 1;
    this.#connecting?.cancel();
    this.#connecting = undefined;
    if ((phase === "queue" || phase === "connect") && !this.#clientGone) this.#tellRefusal(reason);
    this.#giveBack();
    this.#closeStreams(reason);
    this.state.metrics.closed(this);
    writeRecord(this, "close");
  }

  #closeStreams(reason: CloseReason): void {
    const reset = reason === "client-reset" || reason === "upstream-reset";
    if (!this.#clientGone) {
      if (reset) this.client.terminate();
      else this.client.end();
    }
    if (this.#upstream && !this.#upstreamGone) {
      if (reset) this.#upstream.terminate();
      else this.#upstream.end();
    }
    if (this.#clientGone && this.#upstreamGone) this.state.deadlines.remove(this);
    else this.state.deadlines.set(this, this.state.deadlines.now + LINGER_MS);
  }

  /** Says why, in the client's own protocol, to one who has proved who it is. */
  #tellRefusal(reason: CloseReason): void {
    const name = this.service?.config.name ?? "";
    const protocol = this.service?.port(this.servicePort)?.protocol ?? "tcp";
    const message = this.overHttp
      ? response(refusalStatus(reason), `${sentence(reason, name)} (connection ${this.id})`)
      : refusalMessage(protocol, reason, name, this.id, this.mysqlGreeted ? 3 : 0);
    if (message) this.client.write(message);
  }

  #forgetIfGone(): void {
    if (this.#clientGone && this.#upstreamGone) this.state.deadlines.remove(this);
  }

  #giveBack(): void {
    const service = this.service;
    if (!service) return;
    service.admission.leaveQueue(this);
    if (this.endpoint) this.endpoint.active -= 1;
    this.endpoint = undefined;
    if (!this.#holdsPlace) return;
    this.#holdsPlace = false;
    this.state.counts.leaveRules(this.rules, this.principalKey);
    this.state.counts.leave(this.principalKey);
    service.admission.release(this.principalKey);
  }
}

/** Gives the endpoint's events to the connection. */
class UpstreamSide implements StreamEvents {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  data(data: Uint8Array): void {
    this.#connection.upstreamData(data);
  }

  drain(): void {
    this.#connection.upstreamDrain();
  }

  ended(): void {
    this.#connection.upstreamEnded();
  }

  closed(error: string | undefined): void {
    this.#connection.upstreamClosed(error);
  }
}

/** Whose connections are counted together: the innermost link of the chain, or the address of somebody without one. */
export function principalKeyOf(principal: PrincipalChain, address: string): string {
  return (
    principal.agent ??
    principal.person?.user ??
    principal.person?.awsRole ??
    principal.workload ??
    `address:${address}`
  );
}
