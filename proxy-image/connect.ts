import { Dial, type DialOutcome, type Target } from "./connect/dial.ts";
import type { Endpoint } from "./connect/endpoints.ts";
import type { LaterTls } from "./connect/later-tls.ts";
import type { Connection } from "./connection.ts";
import { TunnelDial } from "./hbone/tunnel-dial.ts";
import { writeProxyHeader } from "./protocol/proxy-header.ts";
import type { Stream, StreamEvents } from "./runtime/stream.ts";
import type { ServiceState } from "./state.ts";

/** From the verdict to a connected endpoint: each endpoint once, the least loaded first, until one answers. */
export class Connecting implements DialOutcome {
  lastError = "no endpoint answered in time";
  readonly #connection: Connection;
  readonly #service: ServiceState;
  /** Endpoints that have failed this connection. */
  #tried: ReadonlySet<Endpoint> = NONE;
  #dial: Dial | TunnelDial | undefined;
  #endpoint: Endpoint | undefined;
  #cancelled = false;

  constructor(connection: Connection, service: ServiceState) {
    this.#connection = connection;
    this.#service = service;
  }

  start(): void {
    const now = this.#connection.state.deadlines.now;
    const endpoint = this.#service.endpoints.pick(this.#tried, now);
    if (!endpoint) {
      this.#connection.finish("connect-failed", this.lastError);
      return;
    }
    this.#endpoint = endpoint;
    endpoint.active += 1;
    const addresses = this.#connection.state.resolver.resolve(endpoint.host, this.#service.config.dns, now);
    if (!(addresses instanceof Promise)) {
      this.#dialTo(endpoint, addresses);
      return;
    }
    addresses.then(
      (found) => {
        if (!this.#cancelled) this.#dialTo(endpoint, found);
      },
      (error: unknown) => {
        if (!this.#cancelled) this.failed(error instanceof Error ? error.message : String(error));
      },
    );
  }

  /** The connection ended first. */
  cancel(): void {
    this.#cancelled = true;
    this.#dial?.cancel();
    // An endpoint that did not answer within the whole time allowed has failed, whatever it would have said.
    if (this.#endpoint && this.#connection.closeReason === "connect-timeout") {
      this.#service.endpoints.failed(this.#endpoint, this.#connection.state.deadlines.now);
    }
    if (this.#endpoint) this.#endpoint.active -= 1;
    this.#endpoint = undefined;
  }

  #dialTo(endpoint: Endpoint, addresses: readonly string[]): void {
    const connection = this.#connection;
    const target = targetOf(connection, this.#service, endpoint, addresses);
    if (!target) {
      connection.finish("connect-failed", "the service has no such port");
      return;
    }
    const { hbonePort } = target.tls;
    this.#dial = hbonePort === undefined ? new Dial(target, this) : new TunnelDial(target, hbonePort, this);
    this.#dial.start();
  }

  connected(socket: Stream, address: string, later: LaterTls | undefined): StreamEvents {
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (endpoint) this.#service.endpoints.succeeded(endpoint);
    this.#connection.endpoint = endpoint;
    return this.#connection.connected(socket, `${address}:${this.#dial?.target.port}`, later);
  }

  failed(error: string): void {
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (endpoint) {
      endpoint.active -= 1;
      if (!OWN_WANT.has(error))
        this.#service.endpoints.failed(endpoint, this.#connection.state.deadlines.now);
      this.#tried = new Set([...this.#tried, endpoint]);
      this.lastError = `${endpoint.host}: ${error}`;
    }
    this.start();
  }
}

/** What the proxy's own machine has too little of: descriptors or memory. No endpoint is to blame, and none is set aside. */
const OWN_WANT: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

const NONE: ReadonlySet<Endpoint> = new Set();

/** What is dialled for a connection at one endpoint; undefined when the service has no such port any more. */
export function targetOf(
  connection: Connection,
  service: ServiceState,
  endpoint: Pick<Endpoint, "host" | "port">,
  addresses: readonly string[],
): Target | undefined {
  const { config, tls } = service;
  const servicePort = service.port(connection.servicePort);
  if (!servicePort) return undefined;
  const port = endpoint.port ?? servicePort.targetPort ?? servicePort.port;
  const { proxyProtocol } = config;
  const preface = proxyProtocol
    ? (address: string) =>
        writeProxyHeader(
          { address: connection.sourceAddress, port: connection.sourcePort },
          { address, port },
          proxyProtocol.spiffeId ? connection.principal.workload : undefined,
        )
    : undefined;
  return { host: endpoint.host, addresses, port, protocol: servicePort.protocol, tls, preface };
}
