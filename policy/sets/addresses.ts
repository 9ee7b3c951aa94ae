import ipaddr from "ipaddr.js";
import { bigintLine, canonical, difference, numberLine, type Range, type Ranges, union } from "./ranges.ts";

/** The IPv4 addresses as numbers: 0.0.0.0 is 0, 255.255.255.255 is 2^32-1. */
export const IPV4 = numberLine(0, 2 ** 32 - 1);

/** The IPv6 addresses as numbers: `::` is 0. */
export const IPV6 = bigintLine(0n, 2n ** 128n - 1n);

/** Which addresses, of both families. The two families never mix: no IPv6 block holds an IPv4 address. */
export interface AddressSet {
  readonly ipv4: Ranges<number>;
  readonly ipv6: Ranges<bigint>;
}

/** No address. */
export const NO_ADDRESSES: AddressSet = { ipv4: [], ipv6: [] };

/**
 * The addresses of a CIDR block, or `undefined` when the text is not one. Bits after the prefix are ignored
 * (`10.1.2.3/8` is `10.0.0.0/8`), as Kubernetes and Istio do; a number with a leading zero is refused, because
 * readers disagree on whether it is octal.
 */
export function parseCidr(text: string): AddressSet | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const prefix = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix)) return undefined;
  return block(text.slice(0, slash), Number(prefix));
}

/** The one address, as a set; `undefined` when the text is not an IPv4 or IPv6 address. */
export function parseAddress(text: string): AddressSet | undefined {
  return text.includes(":") ? block(text, 128) : block(text, 32);
}

function block(address: string, prefix: number): AddressSet | undefined {
  if (address.includes(":")) {
    if (prefix > 128 || address.includes("%") || !ipaddr.IPv6.isValid(address)) return undefined;
    const low =
      (toBigint(ipaddr.IPv6.parse(address).toByteArray()) >> BigInt(128 - prefix)) << BigInt(128 - prefix);
    return { ipv4: [], ipv6: [{ low, high: low + 2n ** BigInt(128 - prefix) - 1n }] };
  }
  if (prefix > 32 || !isPlainIPv4(address)) return undefined;
  const size = 2 ** (32 - prefix);
  const value = Number(toBigint(ipaddr.IPv4.parse(address).toByteArray()));
  const low = value - (value % size);
  return { ipv4: [{ low, high: low + size - 1 }], ipv6: [] };
}

/** ipaddr.js also reads `10.1`, `0x0a.1.1.1` and octal; Go, and so Kubernetes and Istio, does not. */
function isPlainIPv4(text: string): boolean {
  return /^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$/.test(text) && ipaddr.IPv4.isValid(text);
}

function toBigint(bytes: readonly number[]): bigint {
  return bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}

/** What is in `a` or in `b`. */
export function unionAddresses(a: AddressSet, b: AddressSet): AddressSet {
  return { ipv4: union(IPV4, a.ipv4, b.ipv4), ipv6: union(IPV6, a.ipv6, b.ipv6) };
}

/** What is in `a` and not in `b`. */
export function subtractAddresses(a: AddressSet, b: AddressSet): AddressSet {
  return { ipv4: difference(IPV4, a.ipv4, b.ipv4), ipv6: difference(IPV6, a.ipv6, b.ipv6) };
}

/** An IPv4 address in dotted form. */
export function formatIPv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** An IPv6 address in its short canonical form (RFC 5952), like `2001:db8::1`. */
export function formatIPv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  return new ipaddr.IPv6(groups).toRFC5952String();
}

/** Addresses as `LOW-HIGH`, also when there is only one. */
export function formatAddressRange(range: Range<number> | Range<bigint>): string {
  return isIPv4(range)
    ? `${formatIPv4(range.low)}-${formatIPv4(range.high)}`
    : `${formatIPv6(range.low)}-${formatIPv6(range.high)}`;
}

function isIPv4(range: Range<number> | Range<bigint>): range is Range<number> {
  return typeof range.low === "number";
}

/** The fewest CIDR blocks that hold exactly these addresses, in order, IPv4 first. */
export function toCidrs(set: AddressSet): readonly string[] {
  return [
    ...set.ipv4
      .flatMap((range) => blocksOf({ low: BigInt(range.low), high: BigInt(range.high) }, 32))
      .map(({ low, prefix }) => `${formatIPv4(Number(low))}/${prefix}`),
    ...set.ipv6
      .flatMap((range) => blocksOf(range, 128))
      .map(({ low, prefix }) => `${formatIPv6(low)}/${prefix}`),
  ];
}

/** Takes the largest aligned block that fits, again and again: that is the smallest number of blocks. */
function blocksOf(range: Range<bigint>, bits: number): { low: bigint; prefix: number }[] {
  const blocks: { low: bigint; prefix: number }[] = [];
  let low = range.low;
  while (low <= range.high) {
    let free = 0;
    while (
      free < bits &&
      (low >> BigInt(free)) % 2n === 0n &&
      low + (1n << BigInt(free + 1)) - 1n <= range.high
    )
      free++;
    blocks.push({ low, prefix: bits - free });
    low += 1n << BigInt(free);
  }
  return blocks;
}

/** Any ranges of both families as one canonical set. */
export function addressSet(ipv4: readonly Range<number>[], ipv6: readonly Range<bigint>[]): AddressSet {
  return { ipv4: canonical(IPV4, ipv4), ipv6: canonical(IPV6, ipv6) };
}
