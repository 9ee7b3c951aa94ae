import type { ProxyListener, ProxyService } from "../policy/compile/proxy/config.ts";
import { PortGroup } from "./accept/port-group.ts";
import { openRawListener } from "./accept/raw-listener.ts";
import { openStagedListener } from "./accept/staged-listener.ts";
import { openTlsListener } from "./accept/tls-listener.ts";
import { openTunnelListener } from "./hbone/tunnel-listener.ts";
import type { ProxyState } from "./state.ts";

/** A bound port. */
export interface OpenListener {
  /** The port; another than configured where that was 0. */
  readonly port: number;
  /** The socket, where it is known. */
  readonly descriptor: number | undefined;
  /** Higher for one that was bound later. */
  readonly serial: number;
  /** Takes no new connection; those that are there go on. */
  stop(): void;
}

interface Bound {
  readonly key: string;
  readonly group: PortGroup;
}

let serial = 0;

/** The next value of {@link OpenListener.serial}. */
export function nextSerial(): number {
  serial += 1;
  return serial;
}

/** A port that cannot be bound. */
export class ListenError extends Error {
  readonly code = "PROXY_LISTEN";
}

/**
 * The accepting ports of a process, kept as the configuration says. Ports are opened with `SO_REUSEPORT`, so a port whose
 * certificate or trust changed is opened anew beside the old listener, before that one stops.
 */
export class Listeners {
  readonly #state: ProxyState;
  readonly #alone: boolean;
  readonly #bound = new Map<string, Bound>();

  /** @param alone this process alone binds the ports */
  constructor(state: ProxyState, alone: boolean) {
    this.#state = state;
    this.#alone = alone;
  }

  /** Opens, replaces and closes ports. All new ones are bound before an old one is touched. */
  async sync(): Promise<void> {
    const { config } = this.#state.generation;
    const fresh: { name: string; key: string; open: OpenListener }[] = [];
    try {
      for (const listener of config.listeners) {
        const key = this.#keyOf(listener);
        if (this.#bound.get(listener.name)?.key === key) continue;
        fresh.push({ name: listener.name, key, open: await this.#open(listener) });
      }
    } catch (error) {
      for (const { open } of fresh) open.stop();
      throw error;
    }
    const names = new Set(config.listeners.map(({ name }) => name));
    for (const [name, { group }] of this.#bound) {
      if (names.has(name)) continue;
      group.stop();
      this.#bound.delete(name);
    }
    for (const { name, key, open } of fresh) this.#putIntoUse(name, key, open);
  }

  #putIntoUse(name: string, key: string, open: OpenListener): void {
    const known = this.#bound.get(name);
    const old = known?.group.current;
    if (known && old?.port === open.port) {
      known.group.replace(open);
      this.#bound.set(name, { key, group: known.group });
      return;
    }
    known?.group.stop();
    this.#bound.set(name, { key, group: new PortGroup(open, this.#alone) });
  }

  get count(): number {
    return this.#bound.size;
  }

  stop(): void {
    for (const { group } of this.#bound.values()) group.stop();
    this.#bound.clear();
  }

  async #open(listener: ProxyListener): Promise<OpenListener> {
    try {
      if (listener.mode === "hbone") return await openTunnelListener(this.#state, listener);
      switch (acceptorOf(listener, this.#state)) {
        case "tls":
          return openTlsListener(this.#state, listener);
        case "raw":
          return openRawListener(this.#state, listener);
        case "staged":
          return await openStagedListener(this.#state, listener);
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ListenError(
        `listener "${listener.name}" cannot bind ${bindOf(listener)}:${listener.port}: ${why}`,
        { cause },
      );
    }
  }

  /** What a bound listener depends on: when it changes, the port is opened anew. */
  #keyOf(listener: ProxyListener): string {
    const { loaded, trust } = this.#state.generation;
    const certificate = loaded.listenerCertificates.get(listener.name) ?? loaded.certificate;
    const acceptor = listener.mode === "hbone" ? "tunnel" : acceptorOf(listener, this.#state);
    // Trust is part of it: a session ticket that the old bundle's context issued must not resume under the new one.
    const tls = acceptor === "tls" ? [certificate, trust.fingerprint] : [];
    return JSON.stringify([acceptor, listener, tls]);
  }
}

/** The address that a listener binds. */
export function bindOf(listener: ProxyListener): string {
  return listener.bind ?? (listener.mode === "plaintext-loopback" ? "127.0.0.1" : "0.0.0.0");
}

/**
 * Three ways to accept a TCP connection (HBONE carries many in one). `tls`: TLS from the first byte, the fastest. `raw`:
 * no TLS of ours. `staged`: something in plain comes first (a PROXY header, PostgreSQL's SSLRequest), which only a Node
 * socket can turn into TLS afterwards.
 */
export function acceptorOf(
  listener: Exclude<ProxyListener, { mode: "hbone" }>,
  state: ProxyState,
): "tls" | "raw" | "staged" {
  switch (listener.mode) {
    case "plaintext-loopback":
    case "passthrough":
      return "raw";
    case "connect":
      return listener.proxyProtocol ? "staged" : "tls";
    case "mtls":
    case "tls": {
      if (listener.proxyProtocol) return "staged";
      const service = state.generation.config.services.find(({ name }) => name === listener.service);
      return service && inlineProtocol(service, listener.servicePort) ? "staged" : "tls";
    }
  }
}

/** The protocol inside of which TLS begins on a service's port; undefined when TLS comes first. */
export function inlineProtocol(
  service: ProxyService,
  servicePort: number | undefined,
): "postgres" | "mysql" | undefined {
  const port = service.ports.find(({ port }) => port === servicePort) ?? service.ports[0];
  switch (port?.protocol) {
    case "postgres":
      return service.inlineTls === false ? undefined : "postgres";
    case "mysql":
      return service.inlineTls === true ? "mysql" : undefined;
    default:
      return undefined;
  }
}
