import ipaddr from "ipaddr.js";

/** Addresses that share their first bits. */
export interface AddressRange {
  readonly base: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
}

/** `10.0.0.0/8`, or an address as a range of one. Undefined for what is none, and for the unspecified address. */
export function parseRange(text: string): AddressRange | undefined {
  const [address = "", length] = text.split("/");
  if (!ipaddr.isValid(address)) return undefined;
  const base = ipaddr.parse(address);
  if (base.toString() === "0.0.0.0") return undefined;
  const most = base.kind() === "ipv4" ? 32 : 128;
  if (length === undefined) return { base, bits: most };
  // A length that is none would otherwise be a range that holds everything.
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
  return bits > most ? undefined : { base, bits };
}

/** The same text for ranges of the same addresses. */
export function canonicalRange({ base, bits }: AddressRange): string {
  const masked = base.toByteArray().map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return `${ipaddr.fromByteArray(masked).toString()}/${bits}`;
}

export function isInRange(address: string, { base, bits }: AddressRange): boolean {
  if (!ipaddr.isValid(address)) return false;
  const ip = ipaddr.parse(address);
  return ip.kind() === base.kind() && ip.match([base, bits]);
}
