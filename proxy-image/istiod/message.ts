import { BYTES, fieldKey, ProtobufReader, VARINT, varint } from "../protocol/protobuf.ts";

/** The two messages of `istio.v1.auth.IstioCertificateService`, in protobuf's wire format. */

/** `IstioCertificateRequest`: `csr` is field 1, `validity_duration` in seconds field 3. */
export function writeCertificateRequest(csr: string, validitySeconds: number): Uint8Array {
  const text = Buffer.from(csr);
  return Buffer.concat([
    varint(fieldKey(1, BYTES)),
    varint(text.length),
    text,
    varint(fieldKey(3, VARINT)),
    varint(validitySeconds),
  ]);
}

/**
 * `cert_chain` of an `IstioCertificateResponse`, field 1: the leaf first, the roots last. Other fields are skipped.
 *
 * @throws Error for bytes that are no such message
 */
export function readCertificateChain(bytes: Uint8Array): string[] {
  const chain: string[] = [];
  const reader = new ProtobufReader(bytes);
  while (!reader.done) {
    const key = reader.varint();
    if (key === fieldKey(1, BYTES)) chain.push(reader.text());
    else reader.skip(key & 7);
  }
  return chain;
}
