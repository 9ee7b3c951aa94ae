import {
  canonical,
  contains,
  equal,
  everything,
  intersection,
  numberLine,
  type Range,
  type Ranges,
  union,
} from "./ranges.ts";

/** The protocols that a NetworkPolicy and a Service can name, in the order in which they are printed. */
export const PROTOCOLS = ["SCTP", "TCP", "UDP"] as const;
/** A transport protocol of Kubernetes. */
export type Protocol = (typeof PROTOCOLS)[number];

/** Ports are 1 to 65535: Kubernetes refuses port 0, and no connection can be made to it. */
export const PORTS = numberLine(1, 65535);

/** For each protocol, which ports. */
export type PortSet = Readonly<Record<Protocol, Ranges<number>>>;

const EVERY_PORT = everything(PORTS);

/** No port of any protocol. */
export const NO_PORTS: PortSet = { SCTP: [], TCP: [], UDP: [] };

/** Every port of every protocol. */
export const ALL_PORTS: PortSet = { SCTP: EVERY_PORT, TCP: EVERY_PORT, UDP: EVERY_PORT };

/** The ports from `low` to `high` of one protocol. */
export function portsOf(protocol: Protocol, low: number, high: number = low): PortSet {
  return { ...NO_PORTS, [protocol]: canonical(PORTS, [{ low, high }]) };
}

/** Every port of one protocol. */
export function everyPortOf(protocol: Protocol): PortSet {
  return { ...NO_PORTS, [protocol]: EVERY_PORT };
}

/** What is in `a` or in `b`. */
export function unionPorts(a: PortSet, b: PortSet): PortSet {
  return eachProtocol((protocol) => union(PORTS, a[protocol], b[protocol]));
}

/** What is in `a` and in `b`. */
export function intersectPorts(a: PortSet, b: PortSet): PortSet {
  return eachProtocol((protocol) => intersection(a[protocol], b[protocol]));
}

/** Whether the two sets have the same members. */
export function equalPorts(a: PortSet, b: PortSet): boolean {
  return PROTOCOLS.every((protocol) => equal(a[protocol], b[protocol]));
}

/** Whether the set is empty. */
export function isNoPorts(set: PortSet): boolean {
  return PROTOCOLS.every((protocol) => set[protocol].length === 0);
}

/** Whether the set holds every port of every protocol. */
export function isAllPorts(set: PortSet): boolean {
  return equalPorts(set, ALL_PORTS);
}

/** Whether the set holds this port of this protocol. */
export function hasPort(set: PortSet, protocol: Protocol, port: number): boolean {
  return contains(set[protocol], port);
}

/**
 * The set as text: `All Connections`, `No Connections`, or like `TCP 80,8080-8090,UDP 53`. Protocols come in
 * alphabetical order; a protocol with every port is `TCP 1-65535`. Equal sets give equal text.
 */
export function formatPorts(set: PortSet): string {
  if (isAllPorts(set)) return "All Connections";
  if (isNoPorts(set)) return "No Connections";
  return PROTOCOLS.filter((protocol) => set[protocol].length > 0)
    .map((protocol) => `${protocol} ${set[protocol].map(formatRange).join(",")}`)
    .join(",");
}

function formatRange(range: Range<number>): string {
  return range.low === range.high ? `${range.low}` : `${range.low}-${range.high}`;
}

function eachProtocol(ranges: (protocol: Protocol) => Ranges<number>): PortSet {
  return { SCTP: ranges("SCTP"), TCP: ranges("TCP"), UDP: ranges("UDP") };
}
