import type { ProxyListener, ProxyRule } from "../policy/compile/proxy/config.ts";
import type { PrincipalChain, Verdict } from "../policy/decide/index.ts";
import { endIfAnswered } from "./accept/answer.ts";
import { ConnectStage } from "./accept/connect-stage.ts";
import { PasswordStage } from "./accept/password-stage.ts";
import type { TransportFacts, Tunnel } from "./accept/transport.ts";
import { authorize, authorizeAgain } from "./access.ts";
import type { RedisClientLogin } from "./broker/redis-client-login.ts";
import { withoutClientLogin } from "./broker/without-client-login.ts";
import type { CloseReason } from "./close-reason.ts";
import { beginRelay, endLogin } from "./connect/connected.ts";
import type { Endpoint } from "./connect/endpoints.ts";
import type { LaterTls } from "./connect/later-tls.ts";
import type { Middle } from "./connect/middle.ts";
import type { Asker, Place } from "./connect/place.ts";
import { placeTaken, waitForPlace } from "./connect/places.ts";
import type { Connecting } from "./connect.ts";
import type { Credential } from "./credentials/credential.ts";
import { finish } from "./finish.ts";
import type { NoteTaker } from "./protocol/notes.ts";
import { NEVER, RelayBounds } from "./relay/bounds.ts";
import { checkBytes, dueAt } from "./relay/due.ts";
import { clientClosed, clientEnded, settle } from "./relay/ends.ts";
import { UpstreamSide } from "./relay/upstream-side.ts";
import { Direction } from "./relay.ts";
import type { Slot, Timed } from "./runtime/deadlines.ts";
import type { Stream, StreamEvents } from "./runtime/stream.ts";
import type { ProxyState, ServiceState } from "./state.ts";

export type Phase = "identify" | "queue" | "connect" | "relay" | "closed";

/**
 * One client's connection: what is known of it, and where it stands. Each stage is a file of its own that works on it:
 *
 *     accept/ -> identified (access.ts) -> admitted (connect/places.ts) -> connected (connect/connected.ts)
 *             -> relay (relay.ts, relay/) -> finish (finish.ts)
 *
 * It owns both sockets: they are closed through `finish`, which runs once and writes the one record.
 */
export class Connection implements Timed, Asker, StreamEvents {
  slot: Slot | undefined;
  readonly #serial: number;
  readonly state: ProxyState;
  readonly listener: ProxyListener;
  phase: Phase = "identify";

  /** Epoch milliseconds. */
  readonly acceptedAt = Date.now();
  /** Monotonic milliseconds, as the four below; 0 until it happened. */
  readonly startedAt = performance.now();
  identifiedAt = 0;
  admittedAt = 0;
  connectedAt = 0;
  firstByteAt = 0;

  // --- who, and to where

  /** The TCP peer. */
  peerAddress: string;
  peerPort: number;
  /** The client: the TCP peer, or who the PROXY header says. */
  sourceAddress: string;
  sourcePort: number;
  transport: TransportFacts | undefined;
  principal: PrincipalChain = {};
  principalKey = "";
  /** What the person or agent showed. */
  credential: Credential | undefined;
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

  // --- the two sides

  client: Stream;
  /** The endpoint, once connected. */
  upstream: Stream | undefined;
  readonly toService: Direction;
  readonly toClient: Direction;
  clientGone = false;
  upstreamGone = true;
  /** Who was done first; why the connection ends, when both are. */
  firstEnded: "client-closed" | "upstream-closed" | undefined;
  /** Its labels in metrics, once they were needed. */
  labels: string | undefined;
  /** Bytes already told to metrics, by direction. */
  reportedSent = 0;
  reportedReceived = 0;

  readonly bounds = new RelayBounds();
  /** Of the phase it is in, except the relay. */
  deadline: number;
  nextUpdate = NEVER;
  keepAliveAt = NEVER;
  /** Held or waited for: counted at its service, its principal and its rules. */
  place: Place | undefined;
  connecting: Connecting | undefined;
  noteTaker: NoteTaker | undefined;
  /** Reads whom and what the client means before it is identified: a head on the shared port, or a password. */
  head: ConnectStage | PasswordStage | undefined;
  /** Stands between the two sides until a login is over. */
  middle: Middle | undefined;
  /** The client may try to log in itself, although the proxy has: taken out of what it sends first. */
  clientLogin: RedisClientLogin | undefined;
  /** As whom the proxy logged in for the client, where it does. */
  loginUser: string | undefined;
  /** Came by HTTP CONNECT: told of success and refusal as HTTP. */
  overHttp = false;
  /** Asked, over HTTP, for refusals as JSON. */
  wantsJson = false;
  /** The proxy itself answers, and then ends the connection. */
  answering = false;
  /** Came by a stream of HBONE: told of success and refusal by its status. */
  tunnel: Tunnel | undefined;
  /** The proxy has greeted this MySQL client itself. */
  mysqlGreeted = false;

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
    this.bounds.lastActive = now;
    state.live.add(this);
    state.handshakes += 1;
    this.deadline = now + handshakeTimeout;
    state.deadlines.set(this, this.deadline);
  }

  get id(): string {
    return this.state.idOf(this.#serial);
  }

  /** A later layer of the same client takes over its bytes: TLS that began inside the TCP connection. */
  replaceClient(client: Stream): void {
    this.client = client;
    this.toService.source = client;
  }

  /** TLS to the endpoint began inside the connection. */
  upstreamSecured(upstream: Stream): void {
    this.upstream = upstream;
    this.toClient.source = upstream;
  }

  /** The shared port: the client still has to name its service. */
  awaitHead(transport: TransportFacts, listener: Extract<ProxyListener, { mode: "connect" }>): void {
    this.transport = transport;
    this.head = new ConnectStage(this, transport, listener);
    this.head.push(new Uint8Array(0));
  }

  /** The client still has to give its token, as a password. */
  awaitPassword(
    transport: TransportFacts,
    target: { readonly service: ServiceState; readonly port: number },
  ): void {
    this.transport = transport;
    this.head = new PasswordStage(this, transport, target);
  }

  /** The head is read and dealt with; what follows is the connection's own. */
  headRead(): void {
    this.head = undefined;
  }

  /**
   * The client has proved who it is and which service it means.
   *
   * @param credentialUntil when the credential that it showed ends, epoch milliseconds; a certificate counts at the handshake
   */
  identified(
    transport: TransportFacts,
    service: ServiceState,
    port: number,
    principal: PrincipalChain,
    credentialUntil = NEVER,
  ): void {
    if (this.phase !== "identify") return;
    this.bounds.credentialUntil = credentialUntil;
    authorize(this, transport, service, port, principal);
  }

  /** After a reload, or when a rule began or ended: ends the connection if it lost access. */
  judgeAgain(trustChanged: boolean): void {
    authorizeAgain(this, trustChanged);
  }

  placeGranted(): void {
    placeTaken(this);
  }

  placeQueued(): void {
    waitForPlace(this);
  }

  placeRefused(why: string): void {
    this.finish("limit", why);
  }

  /** The endpoint is connected and verified. Returns where its events go. */
  connected(upstream: Stream, address: string, later?: LaterTls): StreamEvents {
    try {
      return beginRelay(this, upstream, address, later);
    } catch (cause) {
      // Nobody hears the endpoint's events yet, so nobody else could end it.
      this.threw(cause instanceof Error ? cause : new Error(String(cause)));
      return new UpstreamSide(this);
    }
  }

  /** The server has answered the login: from here on bytes pass as they are, these first. */
  loggedIn(fromClient: Uint8Array, fromServer: Uint8Array): void {
    endLogin(this, fromClient, fromServer);
  }

  due(now: number): number {
    return dueAt(this, now);
  }

  /** Ends the connection, once; every later call is of no effect. */
  finish(reason: CloseReason, error?: string): void {
    finish(this, reason, error);
  }

  /** No side is left whose closing has to be waited for. */
  forgetIfGone(): void {
    if (this.clientGone && this.upstreamGone) this.state.deadlines.remove(this);
  }

  // --- the client's side; the endpoint's is `relay/upstream-side.ts`

  pass(borrowed: Uint8Array): number {
    if (this.phase !== "relay" || this.head || this.middle || this.noteTaker || this.clientLogin) return 0;
    this.bounds.lastActive = this.state.deadlines.now;
    const taken = this.toService.pass(borrowed);
    checkBytes(this);
    return taken;
  }

  data(data: Uint8Array): void {
    if (this.phase === "closed") return;
    this.bounds.lastActive = this.state.deadlines.now;
    if (this.head) {
      this.head.push(data);
      return;
    }
    if (this.middle) {
      this.middle.fromClient(data);
      return;
    }
    if (this.noteTaker) this.#takeNote(this.noteTaker, data);
    const rest = this.clientLogin ? withoutClientLogin(this, this.clientLogin, data) : data;
    if (rest.length > 0) this.toService.push(rest);
    checkBytes(this);
  }

  drain(): void {
    this.toClient.flush();
    settle(this);
    endIfAnswered(this);
  }

  ended(): void {
    clientEnded(this);
  }

  closed(error: string | undefined): void {
    clientClosed(this, error);
  }

  threw(error: Error): void {
    this.finish("internal-error", error.message);
  }

  #takeNote(noteTaker: NoteTaker, data: Uint8Array): void {
    const note = noteTaker.take(data);
    if (note === "more") return;
    this.noteTaker = undefined;
    if (note !== undefined && note !== "none") this.notes = { ...this.notes, ...note };
  }
}
