import ipaddr from "ipaddr.js";

/** A parsed address: IPv4 as one number; IPv6 as one bigint. An IPv4-mapped IPv6 address is the IPv4 address. */
export type Address = number | bigint;

/** Parses an address; undefined for anything else. The dotted form is read by hand: it is on the path of every connection. */
export function parseAddress(text: string): Address | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

function parseIpv4(text: string): number | undefined {
  let value = 0;
  let part = -1;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 46) {
      if (part < 0 || ++dots > 3) return undefined;
      value = value * 256 + part;
      part = -1;
      digits = 0;
    } else if (code >= 48 && code <= 57) {
      // A leading zero is octal to some and decimal to others: such text is no address here.
      if (part === 0 || ++digits > 3) return undefined;
      part = Math.max(part, 0) * 10 + (code - 48);
      if (part > 255) return undefined;
    } else return undefined;
  }
  return dots === 3 && part >= 0 ? value * 256 + part : undefined;
}

function parseIpv6(text: string): Address | undefined {
  if (!text.includes(":") || !ipaddr.IPv6.isValid(text)) return undefined;
  // The library takes `::10.0.0.1`, an address of its own, for the mapped `::ffff:10.0.0.1`; unknown fails closed.
  if (text.includes(".") && !/^::ffff:[\d.]+$/i.test(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  if (address.isIPv4MappedAddress()) return parseIpv4(address.toIPv4Address().toString());
  let value = 0n;
  for (const part of address.parts) value = (value << 16n) | BigInt(part);
  return value;
}

/** A block of addresses, first and last included, of one family. */
export type Block =
  | { readonly low: number; readonly high: number }
  | { readonly low: bigint; readonly high: bigint };

/** Parses CIDR notation; undefined for anything else. */
export function parseBlock(cidr: string): Block | undefined {
  const slash = cidr.indexOf("/");
  const base = parseAddress(slash < 0 ? cidr : cidr.slice(0, slash));
  if (base === undefined) return undefined;
  const width = cidr.includes(":") ? 128 : 32;
  const suffix = slash < 0 ? String(width) : cidr.slice(slash + 1);
  const bits = Number(suffix);
  if (!/^\d{1,3}$/.test(suffix) || bits > width) return undefined;
  if (typeof base === "number") {
    // `::ffff:10.0.0.0/104` is 10.0.0.0/8.
    const prefix = width === 128 ? bits - 96 : bits;
    if (prefix < 0) return undefined;
    const size = 2 ** (32 - prefix);
    const low = Math.floor(base / size) * size;
    return { low, high: low + size - 1 };
  }
  const size = 1n << BigInt(128 - bits);
  const low = (base / size) * size;
  return { low, high: low + size - 1n };
}

/** True when the block holds the address; families never match each other. */
export function blockHolds(block: Block, address: Address): boolean {
  return typeof block.low === typeof address && block.low <= address && address <= block.high;
}
