import ipaddr from "ipaddr.js";

/** An address: four bytes for IPv4, sixteen for IPv6. */
export type Address = readonly number[];

export interface AddressRange {
  readonly base: Address;
  /** Prefix length in bits. */
  readonly bits: number;
}

const IPV6_GROUP = /^[0-9a-f]{1,4}$/i;

/**
 * An address as Go's `net/netip` reads it, which is what istiod uses: four full decimal parts without leading zeros, or
 * IPv6 without a zone. ipaddr.js alone would accept more (`10.1`, `0x0a000001`).
 */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) return ipaddr.IPv4.isValidFourPartDecimal(text) ? bytes(text) : undefined;
  return isStrictIpv6(text) ? bytes(text) : undefined;
}

function bytes(text: string): Address {
  return ipaddr.parse(text).toByteArray();
}

function isStrictIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const dotted = last.includes(".");
  // An embedded IPv4 address ends the text; nothing may follow it.
  if (dotted && (!text.endsWith(last) || !ipaddr.IPv4.isValidFourPartDecimal(last))) return false;
  if (!(dotted ? groups.slice(0, -1) : groups).every((group) => IPV6_GROUP.test(group))) return false;
  const width = groups.length + (dotted ? 1 : 0);
  return halves.length === 2 ? width < 8 : width === 8;
}

/** An IPv4-mapped IPv6 address as IPv4: a dual-stack socket shows its IPv4 peers so, and both proxies undo it. */
export function unmap(address: Address): Address {
  const mapped =
    address.length === 16 &&
    address.slice(0, 10).every((b) => b === 0) &&
    address[10] === 255 &&
    address[11] === 255;
  return mapped ? address.slice(12) : address;
}

/** A CIDR or a bare address. The base is not mapped to IPv4: `::ffff:10.0.0.0/104` matches no IPv4 peer in either proxy. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const base = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (base === undefined) return undefined;
  if (slash < 0) return { base, bits: base.length * 8 };
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const bits = Number(length);
  return bits <= base.length * 8 ? { base, bits } : undefined;
}

/** IPv4 ranges contain no IPv6 address, and the other way round. */
export function contains(range: AddressRange, address: Address): boolean {
  if (range.base.length !== address.length) return false;
  let left = range.bits;
  for (let i = 0; left > 0; i++, left -= 8) {
    const difference = (range.base[i] ?? 0) ^ (address[i] ?? 0);
    if (left >= 8 ? difference !== 0 : difference >> (8 - left) !== 0) return false;
  }
  return true;
}
