import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import { currentListener, refusalAtAccept } from "../accept/admit.ts";
import { principalOf } from "../accept/identify-client.ts";
import type { TransportFacts } from "../accept/transport.ts";
import { Connection } from "../connection.ts";
import type { WorkloadIdentity } from "../identify.ts";
import type { Timed } from "../runtime/deadlines.ts";
import type { ProxyState } from "../state.ts";
import { parseAuthority } from "./authority.ts";
import { destinationOf } from "./destination.ts";
import { acceptInnerTls } from "./inner-tls.ts";
import { Outlet } from "./outlet.ts";
import { serveMetrics } from "./serve-metrics.ts";
import { TunnelStream } from "./tunnel-stream.ts";

export type HboneListener = Extract<ProxyListener, { mode: "hbone" }>;

/** ztunnel asks as often, and gives its peer as long. */
const PING_EVERY_MS = 10_000;
const PING_TIMEOUT_MS = 20_000;

/** More of what a client asks for is not recorded: no authority that is accepted is longer. */
const MAX_RECORDED = 300;

/** Both ends of the TCP connection below. */
export interface Ends {
  readonly peer: { readonly address: string; readonly port: number };
  readonly localAddress: string;
}

/**
 * One HTTP/2 connection of a mutual TLS peer, which carries a TCP connection in each of its streams. It proves who the
 * peer is; each stream is a {@link Connection} of its own, with a verdict before anything is dialled, and a record.
 */
export class TunnelSession implements Timed {
  slot: Timed["slot"];
  readonly #state: ProxyState;
  readonly #bound: HboneListener;
  readonly #session: ServerHttp2Session;
  readonly #workload: WorkloadIdentity;
  readonly #ends: Ends;
  readonly #outlet: Outlet;
  readonly #gone: () => void;
  #streams = 0;
  #idleSince: number;
  #pingSentAt: number | undefined;
  #leaving = false;

  /** @param gone told once, when the connection is */
  constructor(
    state: ProxyState,
    bound: HboneListener,
    session: ServerHttp2Session,
    workload: WorkloadIdentity,
    ends: Ends,
    gone: () => void,
  ) {
    this.#state = state;
    this.#bound = bound;
    this.#session = session;
    this.#workload = workload;
    this.#ends = ends;
    this.#gone = gone;
    const { now } = state.deadlines;
    this.#outlet = new Outlet(session);
    this.#idleSince = now;
    session.on("stream", (stream, headers) => this.#opened(stream, headers));
    // Told to each stream as well, which records it.
    session.on("error", () => {});
    session.once("close", () => {
      state.deadlines.remove(this);
      this.#gone();
    });
    state.deadlines.set(this, now + PING_EVERY_MS);
  }

  /** No new streams, and the client is told so: those that are there go on. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#session.close();
  }

  /** Asks whether the peer still answers, and lets go of a connection that nobody uses. */
  due(now: number): number {
    const { idleTimeout } = this.#listener;
    if (this.#streams === 0 && now - this.#idleSince >= idleTimeout) this.leave();
    if (this.#pingSentAt !== undefined) {
      if (now - this.#pingSentAt >= PING_TIMEOUT_MS) {
        this.#session.destroy();
        return Number.POSITIVE_INFINITY;
      }
    } else if (!this.#session.destroyed && !this.#session.closed) {
      this.#pingSentAt = now;
      this.#session.ping(() => {
        this.#pingSentAt = undefined;
      });
    }
    return now + PING_EVERY_MS;
  }

  get #listener(): HboneListener {
    const listener = currentListener(this.#state, this.#bound);
    return listener.mode === "hbone" ? listener : this.#bound;
  }

  #opened(http: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const state = this.#state;
    this.#streams += 1;
    http.once("close", () => {
      this.#streams -= 1;
      this.#idleSince = state.deadlines.now;
    });
    const stream = new TunnelStream(http, this.#outlet);
    const refusal = refusalAtAccept(state);
    if (refusal !== undefined) {
      state.metrics.refusedAtAccept(this.#bound.name, refusal);
      // A client that is told so dials another instance for its next connection.
      if (refusal === "draining") this.leave();
      http.on("error", () => {});
      stream.refuse(503);
      return;
    }
    this.#judge(http, stream, headers);
  }

  #judge(http: ServerHttp2Stream, stream: TunnelStream, headers: IncomingHttpHeaders): void {
    const state = this.#state;
    const { config, identifier } = state.generation;
    const header = headers[constants.HTTP2_HEADER_AUTHORITY];
    const asked = typeof header === "string" ? header : undefined;
    const authority = isConnect(headers) ? parseAuthority(asked) : undefined;
    const destination = authority && destinationOf(config, authority, this.#ends.localAddress);
    if (destination?.to === "metrics") {
      serveMetrics(config.metrics, http);
      return;
    }
    if (destination?.to === "connect") {
      acceptInnerTls(state, destination.listener, http, this.#ends.peer);
      return;
    }
    const connection = new Connection(state, this.#listener, stream, this.#ends.peer);
    connection.tunnel = stream;
    const transport = { ...this.#transport, hboneAddress: asked?.slice(0, MAX_RECORDED) };
    connection.transport = transport;
    stream.attach(connection);
    // The connection may be older than its client's certificate, or than the bundle that vouched for it.
    const found = identifier.identify(this.#workload.leaf, () => this.#workload.chain, Date.now());
    if (!found.ok) {
      stream.refuse(401);
      connection.finish("handshake-failed", found.refusal);
      this.leave();
    } else if (!authority || !destination) {
      stream.refuse(400);
      connection.finish("protocol-refused", "not a CONNECT to a host and a port");
    } else if (destination.to === "nowhere") {
      stream.refuse(403);
      connection.finish("denied", destination.why);
    } else {
      const service = state.services.get(destination.service);
      if (!service) throw new Error("a service of the configuration has no state");
      const principal = principalOf(connection, this.#workload);
      connection.identified(transport, service, destination.port, principal);
    }
  }

  get #transport(): TransportFacts {
    // HBONE's own server name says nothing about the client's TLS, if it has any.
    return { workload: this.#workload, sni: undefined, tlsVersion: "TLSv1.3", resumed: false };
  }
}

/** A plain CONNECT: with `:protocol` (RFC 8441) it is a tunnel of something else. */
function isConnect(headers: IncomingHttpHeaders): boolean {
  return headers[constants.HTTP2_HEADER_METHOD] === "CONNECT" && headers[":protocol"] === undefined;
}
