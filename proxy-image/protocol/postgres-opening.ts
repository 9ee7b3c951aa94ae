/** How a PostgreSQL client begins (protocol 3, "SSL Session Encryption" and "GSSAPI Session Encryption"). */
export type PostgresOpening =
  | { readonly state: "more" }
  /** TLS at once: `sslnegotiation=direct` of PostgreSQL 17, or any TLS client. */
  | { readonly state: "tls" }
  | { readonly state: "ssl-request" | "gssenc-request"; readonly length: number }
  /** A start-up or cancel message without TLS. */
  | { readonly state: "plain" }
  | { readonly state: "bad"; readonly why: string };

const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;

export function readPostgresOpening(bytes: Uint8Array): PostgresOpening {
  if (bytes.length === 0) return { state: "more" };
  if (bytes[0] === 0x16) return { state: "tls" };
  // The first byte of the length: no opening is as long as 16 MiB.
  if (bytes[0] !== 0) return { state: "bad", why: "neither TLS nor PostgreSQL" };
  if (bytes.length < 8) return { state: "more" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = view.getUint32(0);
  const code = view.getUint32(4);
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    if (length !== 8) return { state: "bad", why: "a malformed encryption request" };
    return { state: code === SSL_REQUEST ? "ssl-request" : "gssenc-request", length: 8 };
  }
  if (code === CANCEL_REQUEST || code >>> 16 === 3) return { state: "plain" };
  return { state: "bad", why: "neither TLS nor PostgreSQL" };
}
