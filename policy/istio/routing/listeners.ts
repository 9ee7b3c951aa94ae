import ipaddr from "ipaddr.js";
import { type Chain, tcpChains } from "./chains.ts";
import { endpointAddresses } from "./endpoints.ts";
import { canonicalRange, parseRange } from "./range.ts";
import { statedProtocol } from "./read-routes.ts";
import type { EgressScope, Scope } from "./scope.ts";
import {
  type Registered,
  type RegistryPort,
  type RoutingWorld,
  UNSPECIFIED,
  type WireProtocol,
} from "./world.ts";

/** A listener that a client's sidecar has for outbound connections. */
export interface OutboundListener {
  /** The first is what Envoy names it by. */
  readonly binds: readonly string[];
  readonly port: number;
  /** True where the application connects to the sidecar itself, and nothing is redirected. */
  readonly bindToPort: boolean;
  readonly chains: readonly Chain[];
}

interface Entry extends OutboundListener {
  readonly protocol: WireProtocol;
  readonly locked: boolean;
}

/** Ports that the sidecar itself listens on at every address: 15001, 15006, 15021 and 15090. */
const RESERVED: ReadonlySet<number> = new Set([15001, 15006, 15021, 15090]);

type Family = "tcp" | "http" | "auto";

/**
 * The outbound listeners of a sidecar (pilot/pkg/networking/core/listener.go, buildSidecarOutboundListeners). Services that
 * share an address and port share a listener: the first one's route is kept, and others add only what does not collide.
 */
export function outboundListeners(
  world: RoutingWorld,
  scope: Scope,
  clientAddress: string | undefined,
): OutboundListener[] {
  const listeners = new Map<string, Entry>();
  for (const egress of scope.egress) {
    const { written } = egress;
    const bindToPort = written?.captureMode === "NONE" || written?.bind?.startsWith("unix://") === true;
    const bind = written?.bind ? [written.bind] : bindToPort ? ["127.0.0.1"] : [];
    const add = (service: Registered, port: RegistryPort, binds: readonly string[]): void =>
      addService(listeners, scope, egress, { service, port, binds, bindToPort });
    if (written?.port) {
      const port = listenerPort(
        written.port.number ?? 0,
        written.port.name ?? "",
        statedProtocol(written.port.protocol),
      );
      for (const service of egress.services) if (!isReserved(bind, port)) add(service, port, bind);
      continue;
    }
    // A listener for named ports is not widened by the one for all others.
    for (const [key, entry] of listeners) listeners.set(key, { ...entry, locked: true });
    for (const service of egress.services) {
      for (const port of service.ports) {
        if (isReserved(bind, port)) continue;
        for (const binds of bindsOf(world, service, port, bind, clientAddress)) add(service, port, binds);
      }
    }
  }
  return [...listeners.values()];
}

function listenerPort(number: number, name: string, protocol: WireProtocol): RegistryPort {
  return { number, name, protocol, target: number };
}

function isReserved(bind: readonly string[], { number, protocol }: RegistryPort): boolean {
  const [address] = bind;
  return RESERVED.has(number) && (address === undefined ? protocol === "http" : address === UNSPECIFIED);
}

/** A headless TCP service gets a listener at each of its pods' addresses, as it has none of its own. */
function bindsOf(
  world: RoutingWorld,
  service: Registered,
  port: RegistryPort,
  bind: readonly string[],
  clientAddress: string | undefined,
): readonly (readonly string[])[] {
  const family = familyOf(port.protocol);
  const headless =
    bind.length === 0 &&
    service.resolution === "passthrough" &&
    service.address === UNSPECIFIED &&
    (family === "tcp" || family === "auto");
  if (!headless) return [bind];
  const addresses = endpointAddresses(world, service, port).filter(
    (address) => ipaddr.isValid(address) || address.startsWith("pod "),
  );
  const known = endpointAddresses(world, service, port).length > 0;
  if (service.kind === "entry" && !known && service.selector === undefined) return [bind];
  return addresses.filter((address) => address !== clientAddress).map((address) => [address]);
}

function familyOf(protocol: WireProtocol): Family | undefined {
  switch (protocol) {
    case "tcp":
    case "tls":
    case "mongo":
    case "redis":
    case "mysql":
      return "tcp";
    case "http":
      return "http";
    case "detect":
      return "auto";
    case "none":
      return undefined;
  }
}

interface Added {
  readonly service: Registered;
  readonly port: RegistryPort;
  readonly binds: readonly string[];
  readonly bindToPort: boolean;
}

function addService(listeners: Map<string, Entry>, scope: Scope, egress: EgressScope, added: Added): void {
  const { service, port, bindToPort } = added;
  const family = familyOf(port.protocol);
  if (family === undefined || service.resolution === "alias") return;
  const isRange = service.address.includes("/");
  const own = isRange ? [UNSPECIFIED] : [service.address, ...service.moreAddresses];
  const binds = added.binds.length > 0 ? added.binds : family === "http" ? [UNSPECIFIED] : own;
  const ranges = added.binds.length === 0 && family !== "http" && isRange ? [service.address] : [];
  const bind = binds[0] ?? UNSPECIFIED;
  const key = `${bind}|${port.number}`;
  const current = listeners.get(key);
  if (current?.locked === true) return;

  const http: Chain = { serverNames: [], ranges: [], http: true, targets: [], route: undefined, service };
  const tcp = (): Chain[] => tcpChains(scope, service, port, bind, ranges, egress.virtualServices);
  const existing = current && familyOf(current.protocol);
  const fresh = (chains: readonly Chain[], protocol: WireProtocol): void => {
    listeners.set(key, { binds, port: port.number, bindToPort, chains, protocol, locked: false });
  };
  // MySQL and MongoDB share a port with nothing else, so as not to be taken for it.
  const exclusive = [port.protocol, current?.protocol].some((one) => one === "mysql" || one === "mongo");
  if (current !== undefined && exclusive && port.protocol !== current.protocol) {
    // An HTTP port beside one that is there already adds nothing anyway.
    return;
  }
  switch (family) {
    case "http":
      if (current === undefined) fresh([http], bind === UNSPECIFIED ? "detect" : "http");
      else if (existing === "tcp") merge(listeners, key, current, [http], "detect");
      return;
    case "tcp":
      if (current === undefined) fresh(tcp(), port.protocol);
      else merge(listeners, key, current, tcp(), existing === "http" ? "detect" : current.protocol);
      return;
    case "auto":
      if (current === undefined || existing === "http") fresh([...tcp(), http], port.protocol);
      else if (existing === "tcp") merge(listeners, key, current, [...tcp(), http], "detect");
      return;
  }
}

/** What is there stays; a chain for the same connections as one that is there is dropped. */
function merge(
  listeners: Map<string, Entry>,
  key: string,
  current: Entry,
  incoming: readonly Chain[],
  protocol: WireProtocol,
): void {
  const chains = [...current.chains];
  for (const chain of incoming) if (!chains.some((one) => collides(one, chain))) chains.push(chain);
  listeners.set(key, { ...current, chains, protocol });
}

function collides(a: Chain, b: Chain): boolean {
  return (
    a.http === b.http &&
    sameSet(names(a.serverNames), names(b.serverNames)) &&
    sameSet(a.ranges.flatMap(range), b.ranges.flatMap(range))
  );
}

const names = (serverNames: readonly string[]): string[] => serverNames.filter((name) => name !== "*");

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const [x, y] = [new Set(a), new Set(b)];
  return x.size === y.size && [...x].every((item) => y.has(item));
}

/** A range in its shortest form. */
function range(text: string): string[] {
  const read = parseRange(text);
  return read === undefined ? [] : [canonicalRange(read)];
}

/**
 * Why Envoy refuses a listener, if it does: two of its chains are for the same connections ("multiple filter chains with the
 * same matching rules", istio#29197). A proxy that starts with one does not become ready; one that runs keeps what it had.
 */
export function refusedBy({ chains }: OutboundListener): string | undefined {
  const special = chains.filter((chain) => !matchesAll(chain));
  const seen = new Set<string>();
  for (const { serverNames, ranges, http } of special) {
    const read = [...new Set(ranges.flatMap(range))];
    const named = serverNames.includes("*") ? [] : [...new Set(serverNames)];
    for (const at of read.length > 0 ? read : ["any address"]) {
      for (const name of named.length > 0 ? named : ["any server name"]) {
        const key = `${at}, ${name}${http ? ", HTTP" : ""}`;
        if (seen.has(key)) return key;
        seen.add(key);
      }
    }
  }
  return undefined;
}

/** Such a chain is what is left when no other matches. */
export function matchesAll({ serverNames, ranges, http }: Chain): boolean {
  return !http && (serverNames.length === 0 || serverNames.includes("*")) && ranges.length === 0;
}
