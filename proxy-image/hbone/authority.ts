import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

/** What a CONNECT asks for: its `:authority`, taken apart. */
export interface Authority {
  /** An address in its canonical spelling (IPv4 written as IPv6 is IPv4), or a lower-case name without a final dot. */
  readonly host: string;
  readonly port: number;
  readonly kind: "address" | "name";
}

/** Longest name of DNS, a colon and a port; an IPv6 address in brackets is shorter. */
const MAX_LENGTH = 253 + 6;

/**
 * Parses `10.0.0.1:5432`, `[fd00::1]:5432` or `orders.shop.svc.cluster.local:5432` (RFC 9113, 8.5: host and port, both
 * needed). Undefined for anything else: a user, a path, a port that is missing, zero or written with a sign or zeros.
 */
export function parseAuthority(text: string | undefined): Authority | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([1-9]\d{0,4})$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, bare = "", digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (bracketed !== undefined) {
    return isIPv6(bracketed) ? { host: canonicalAddress(bracketed), port, kind: "address" } : undefined;
  }
  if (isIPv4(bare)) return { host: bare, port, kind: "address" };
  // What looks like an address and is none (`10.1`, `0x7f.1`) is refused: resolvers disagree on what it means.
  if (/^[\d.]+$/.test(bare) || /^0x/i.test(bare)) return undefined;
  const host = bare.toLowerCase().replace(/\.$/, "");
  return host === "" || host.split(".").includes("") ? undefined : { host, port, kind: "name" };
}

/** One spelling for one address, so that two can be compared as text. */
export function canonicalAddress(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}
