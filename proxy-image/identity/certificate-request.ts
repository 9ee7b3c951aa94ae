import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { bitString, boolean, integer, octets, oid, sequence, set, tlv } from "./der-writer.ts";
import { pemOf } from "./pem.ts";

/** A key of this process's own, and the request to certify it. */
export interface CertificateRequest {
  /** PEM, PKCS#10. */
  readonly csr: string;
  /** Never leaves the process's memory. */
  readonly privateKey: KeyObject;
}

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const EXTENSION_REQUEST = oid("1.2.840.113549.1.9.14");
const SUBJECT_ALT_NAME = oid("2.5.29.17");

/**
 * Makes a P-256 key and a PKCS#10 request for it (RFC 2986), with the SPIFFE ID as the only name. istiod's own CA names
 * the caller by its token and ignores the name; one that passes the request on to another signer compares the two.
 */
export function requestFor(spiffeId: string): CertificateRequest {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  // Critical, because the subject is empty (RFC 5280, 4.2.1.6).
  const names = sequence(SUBJECT_ALT_NAME, boolean(true), octets(sequence(tlv(0x86, Buffer.from(spiffeId)))));
  const info = sequence(
    integer(Uint8Array.of(0)),
    sequence(),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa0, sequence(EXTENSION_REQUEST, set(sequence(names)))),
  );
  const der = sequence(info, ECDSA_WITH_SHA256, bitString(sign("sha256", info, privateKey)));
  return { csr: pemOf("CERTIFICATE REQUEST", der), privateKey };
}
