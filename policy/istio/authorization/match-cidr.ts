/** An address: four bytes for IPv4, sixteen for IPv6. */
export type Address = readonly number[];

export interface AddressRange {
  readonly base: Address;
  /** Prefix length in bits. */
  readonly bits: number;
}

/**
 * An address as Go's `net/netip` reads it, which is what istiod uses: four full decimal parts without leading zeros, or
 * IPv6 without a zone. ipaddr.js is not used here: it also reads `10.1` and `0x0a000001`, and makes `::ffff:1.2.3.4` of
 * `::1.2.3.4`.
 */
export function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

const IPV4_PART = /^(0|[1-9]\d{0,2})$/;
const IPV6_GROUP = /^[0-9a-f]{1,4}$/i;

function parseIpv4(text: string): Address | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 && parts.every((part) => IPV4_PART.test(part) && Number(part) <= 255);
  return valid ? parts.map(Number) : undefined;
}

function parseIpv6(text: string): Address | undefined {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  // Only the last group of all may be an IPv4 address.
  const before = parseGroups(head, tail === undefined);
  const after = parseGroups(tail ?? "", true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length;
  // `::` stands for at least one group.
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...before, ...Array<number>(missing).fill(0), ...after];
}

function parseGroups(text: string, mayEndInIpv4: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (IPV6_GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else {
      const ipv4 = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (ipv4 === undefined) return undefined;
      bytes.push(...ipv4);
    }
  }
  return bytes;
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
