import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import {
  bitString,
  boolean,
  integer,
  octets,
  oid,
  sequence,
  set,
  time,
  tlv,
  utf8,
} from "../identity/der-writer.ts";
import { pemOf } from "../identity/pem.ts";

/** A certificate with its private key. */
export interface Issued {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  readonly der: Uint8Array;
}

/** Somebody who signs. */
export interface Authority extends Issued {
  readonly name: string;
  readonly privateKey: KeyObject;
}

export interface CertificateOptions {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly ca?: boolean;
  /** Certified instead of a new key's, which is then of no use. @default a new key's */
  readonly publicKey?: KeyObject;
  /** First byte of keyUsage. @default digitalSignature; keyCertSign and cRLSign for a CA */
  readonly keyUsage?: number;
  /** Epoch milliseconds. @default an hour ago */
  readonly notBefore?: number;
  /** Epoch milliseconds. @default in a day */
  readonly notAfter?: number;
}

const HOUR = 3_600_000;
const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

/**
 * Makes throw-away certificates for `--dev` and for tests: P-256, SHA-256, without revocation or names beyond the
 * common one. Not for anything that outlives a day: an estate has an issuer.
 */
export function createAuthority(name: string, options: CertificateOptions = {}): Authority {
  return issue(name, { ...options, ca: true }, undefined);
}

/** A CA certificate below another. */
export function createIntermediate(
  name: string,
  parent: Authority,
  options: CertificateOptions = {},
): Authority {
  return issue(name, { ...options, ca: true }, parent);
}

/** A leaf. */
export function createLeaf(name: string, parent: Authority, options: CertificateOptions): Authority {
  return issue(name, options, parent);
}

function issue(name: string, options: CertificateOptions, parent: Authority | undefined): Authority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ca = options.ca ?? false;
  const tbs = sequence(
    tlv(0xa0, integer(Uint8Array.of(2))),
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    commonName(parent?.name ?? name),
    sequence(time(options.notBefore ?? Date.now() - HOUR), time(options.notAfter ?? Date.now() + 24 * HOUR)),
    commonName(name),
    (options.publicKey ?? publicKey).export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions(options, ca))),
  );
  const signature = sign("sha256", tbs, parent?.privateKey ?? privateKey);
  const der = sequence(tbs, ECDSA_WITH_SHA256, bitString(signature));
  return {
    name,
    privateKey,
    der,
    cert: pemOf("CERTIFICATE", der),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** Positive, and never with a leading zero byte. */
function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}

function commonName(name: string): Uint8Array {
  return sequence(set(sequence(oid("2.5.4.3"), utf8(name))));
}

function extensions(options: CertificateOptions, ca: boolean): Uint8Array[] {
  const { uris = [], dnsNames = [], ipAddresses = [], keyUsage = ca ? 0x06 : 0x80 } = options;
  const names = [
    ...uris.map((uri) => tlv(0x86, Buffer.from(uri))),
    ...dnsNames.map((name) => tlv(0x82, Buffer.from(name))),
    ...ipAddresses.map((address) => tlv(0x87, ipBytes(address))),
  ];
  return [
    extension("2.5.29.19", true, ca ? sequence(boolean(true)) : sequence()),
    extension("2.5.29.15", true, bitString(Uint8Array.of(keyUsage))),
    ...(ca
      ? []
      : [extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2")))]),
    ...(names.length > 0 ? [extension("2.5.29.17", false, sequence(...names))] : []),
  ];
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return critical ? sequence(oid(id), boolean(true), octets(value)) : sequence(oid(id), octets(value));
}

function ipBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split("."), Number);
  if (address === "::1") return Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0));
  throw new Error(`only IPv4 addresses and ::1 are supported here, not ${address}`);
}
