import ipaddr from "ipaddr.js";
import * as z from "zod";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `250ms`, `10s`, `5m`, `1h`, `7d`; a fraction (`1.5s`) is allowed. Parsed to whole milliseconds. */
export const duration = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)$/, "expected a duration such as 250ms, 10s, 5m, 1h or 7d")
  .transform((text) => {
    const unit = /[a-z]+$/.exec(text)?.[0] ?? "ms";
    return Math.round(Number.parseFloat(text) * (UNITS[unit] ?? 1));
  });

/** A TCP port, 1–65535. */
export const port = z.int().min(1).max(65_535);

/** An address range such as `10.0.0.0/8` or `fd00::/8`; a bare address is that address alone. */
export const cidr = z.string().refine(isCidr, "expected a CIDR such as 10.0.0.0/8 or fd00::/8");

function isCidr(text: string): boolean {
  if (!text.includes("/")) return ipaddr.isValid(text) && !/^\d+(\.\d+){0,2}$/.test(text);
  if (!ipaddr.isValidCIDR(text)) return false;
  // A range with host bits set reads as one thing and matches another; it is nearly always a mistake.
  const [address, bits] = ipaddr.parseCIDR(text);
  const network =
    address.kind() === "ipv4"
      ? ipaddr.IPv4.networkAddressFromCIDR(text)
      : ipaddr.IPv6.networkAddressFromCIDR(text);
  return bits >= 0 && network.toNormalizedString() === address.toNormalizedString();
}

/** An address to bind: an IPv4 or IPv6 literal, never a host name, because a name may resolve to more than is meant. */
export const bindAddress = z
  .string()
  .refine((text) => ipaddr.isValid(text), "expected an IP address to bind");

/** A DNS name or an IP literal to dial. */
export const host = z
  .string()
  .min(1)
  .max(253)
  .refine(
    (text) => ipaddr.isValid(text) || /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(text),
    "expected a DNS name or an IP address",
  );

/** An instant with an explicit zone, such as `2026-12-31T00:00:00Z`. Parsed to milliseconds since the epoch. */
export const instant = z.iso
  .datetime({ offset: true, error: "expected an instant with a zone, such as 2026-12-31T00:00:00Z" })
  .transform((text) => Date.parse(text));

/** A SPIFFE trust domain name (SPIFFE-ID, section 2.1). */
export const trustDomain = z
  .string()
  .regex(/^[a-z0-9._-]{1,255}$/, "expected a SPIFFE trust domain: lower-case letters, digits, '.', '-', '_'");

/** A SPIFFE ID with its scheme, such as `spiffe://example.org/ns/shop/sa/api`; no query, fragment or empty segment. */
export const spiffeId = z
  .string()
  .max(2048)
  .regex(
    /^spiffe:\/\/[a-z0-9._-]{1,255}(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)+$/,
    "expected a SPIFFE ID such as spiffe://example.org/ns/shop/sa/api",
  );

/** The name of an object in this file. */
export const name = z.string().min(1).max(253);

/** A path, absolute or relative to the folder of the configuration file. */
export const path = z.string().min(1).max(4096);

/** A size in bytes: a whole number, or text such as `64KiB`, `100MiB`, `1GiB`. Parsed to bytes. */
export const byteSize = z.union([
  z.int().min(1),
  z
    .string()
    .regex(/^\d{1,6}(KiB|MiB|GiB)$/, "expected bytes, or a size such as 64KiB, 100MiB, 1GiB")
    .transform((text) => {
      const unit = text.slice(-3);
      return Number.parseInt(text, 10) * (unit === "KiB" ? 1024 : unit === "MiB" ? 1024 ** 2 : 1024 ** 3);
    }),
]);

/** Where a thing was written in the policy sources: shown in audit records, never read. */
export const position = z.strictObject({
  /** The file as the policy author named it. */
  file: z.string(),
  /** Counted from 1. */
  line: z.int().min(0),
  /** Counted from 1. */
  col: z.int().min(0),
});
