import { asciiOf, childrenOf, DerError, type Element, elementAt, expectTag, hexOf } from "./der.ts";

/** What identification needs to know of a leaf certificate. Its signature is verified by TLS, not here. */
export interface LeafFacts {
  /** URI names of the subjectAltName extension, in order. */
  readonly uris: readonly string[];
  /** `cA` of basicConstraints. */
  readonly ca: boolean;
  /** Bits of keyUsage; undefined when the extension is absent. */
  readonly keyUsage: KeyUsage | undefined;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  readonly crlSign: boolean;
}

const SEQUENCE = 0x30;
const OID = 0x06;
const BOOLEAN = 0x01;
const OCTET_STRING = 0x04;
const BIT_STRING = 0x03;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const URI_NAME = 0x86;

const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";

/**
 * Reads the few fields of an X.509 certificate (RFC 5280, section 4.1) that decide who it names.
 *
 * The DER is read directly: the text form of the alternative names that runtimes offer joins them with commas, and a
 * name that holds a comma has been used to smuggle in another.
 *
 * @throws DerError for anything that is not a certificate
 */
export function readLeaf(der: Uint8Array): LeafFacts {
  const certificate = expectTag(elementAt(der, 0, der.length), SEQUENCE, "certificate");
  if (certificate.end !== der.length) throw new DerError("something follows the certificate");
  const tbs = expectTag(childrenOf(der, certificate)[0], SEQUENCE, "tbsCertificate");
  const fields = childrenOf(der, tbs);
  // version is optional, then: serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo.
  const first = fields[0]?.tag === VERSION ? 1 : 0;
  const validity = childrenOf(der, expectTag(fields[first + 3], SEQUENCE, "validity"));
  const extensions = readExtensions(
    der,
    fields.find((field, index) => index > first + 5 && field.tag === EXTENSIONS),
  );
  return {
    uris: readUris(der, extensions.get(SUBJECT_ALT_NAME)),
    ca: readCa(der, extensions.get(BASIC_CONSTRAINTS)),
    keyUsage: readKeyUsage(der, extensions.get(KEY_USAGE)),
    notBefore: readTime(der, validity[0]),
    notAfter: readTime(der, validity[1]),
  };
}

function readExtensions(der: Uint8Array, wrapper: Element | undefined): Map<string, Element> {
  const found = new Map<string, Element>();
  if (!wrapper) return found;
  const list = expectTag(childrenOf(der, wrapper)[0], SEQUENCE, "extensions");
  for (const extension of childrenOf(der, list)) {
    const parts = childrenOf(der, expectTag(extension, SEQUENCE, "extension"));
    const id = hexOf(der, expectTag(parts[0], OID, "extension id"));
    const value = expectTag(parts[parts[1]?.tag === BOOLEAN ? 2 : 1], OCTET_STRING, "extension value");
    // RFC 5280, 4.2: no extension twice. Which of the two counts would depend on who reads it.
    if (found.has(id)) throw new DerError("an extension occurs twice");
    found.set(id, elementAt(der, value.start, value.end));
  }
  return found;
}

function readUris(der: Uint8Array, names: Element | undefined): string[] {
  if (!names) return [];
  return childrenOf(der, expectTag(names, SEQUENCE, "subjectAltName"))
    .filter((name) => name.tag === URI_NAME)
    .map((name) => asciiOf(der, name));
}

function readCa(der: Uint8Array, constraints: Element | undefined): boolean {
  if (!constraints) return false;
  const ca = childrenOf(der, expectTag(constraints, SEQUENCE, "basicConstraints"))[0];
  return ca?.tag === BOOLEAN && der[ca.start] !== 0;
}

function readKeyUsage(der: Uint8Array, usage: Element | undefined): KeyUsage | undefined {
  if (!usage) return undefined;
  const bits = expectTag(usage, BIT_STRING, "keyUsage");
  const first = der[bits.start + 1] ?? 0;
  const empty = bits.end - bits.start < 2;
  return {
    digitalSignature: !empty && (first & 0x80) !== 0,
    keyCertSign: !empty && (first & 0x04) !== 0,
    crlSign: !empty && (first & 0x02) !== 0,
  };
}

/** UTCTime or GeneralizedTime, always in Zulu with seconds (RFC 5280, 4.1.2.5). */
function readTime(der: Uint8Array, element: Element | undefined): number {
  if (!element) throw new DerError("validity is missing");
  const text = asciiOf(der, element);
  const match =
    element.tag === 0x17
      ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
      : element.tag === 0x18
        ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
        : null;
  if (!match) throw new DerError("a time in an unknown form");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const full = element.tag === 0x18 ? year : year >= 50 ? 1900 + year : 2000 + year;
  const time = Date.UTC(full, month - 1, day, hour, minute, second);
  if (Number.isNaN(time)) throw new DerError("a time that does not exist");
  return time;
}
