/** What the first bytes of a TLS connection say. */
export type ClientHello =
  | { readonly state: "more" }
  | { readonly state: "bad"; readonly why: string }
  | { readonly state: "done"; readonly sni: string | undefined; readonly alpn: readonly string[] };

/** Longest ClientHello read. With post-quantum key shares real ones reach 2 KiB. */
const MAX_HELLO = 16_384;

/**
 * Reads server name and ALPN from a ClientHello without terminating TLS (RFC 8446, 4.1.2; RFC 6066, 3), also when it is
 * spread over several records.
 */
export function readClientHello(bytes: Uint8Array): ClientHello {
  const hello = collectHandshake(bytes);
  if (!(hello instanceof Uint8Array)) return hello;
  const reader = new Reader(hello);
  reader.skip(2 + 32);
  reader.skip(reader.u8());
  reader.skip(reader.u16());
  reader.skip(reader.u8());
  if (reader.failed) return bad("a ClientHello that is cut off");
  if (reader.left === 0) return { state: "done", sni: undefined, alpn: [] };
  return readExtensions(reader.sub(reader.u16()), reader);
}

/** The handshake message of type client_hello without its header, put together from its records. */
function collectHandshake(bytes: Uint8Array): Uint8Array | ClientHello {
  const parts: Uint8Array[] = [];
  let have = 0;
  let need = -1;
  let offset = 0;
  while (need < 0 || have < need) {
    if (offset + 5 > bytes.length) {
      if (bytes.length > offset && bytes[offset] !== 0x16) return bad("not a TLS handshake");
      if (bytes.length > offset + 1 && bytes[offset + 1] !== 3) return bad("not a TLS record");
      return { state: "more" };
    }
    if (bytes[offset] !== 0x16 || bytes[offset + 1] !== 3) return bad("not a TLS handshake");
    const length = (bytes[offset + 3] ?? 0) * 256 + (bytes[offset + 4] ?? 0);
    // RFC 8446, 5.1: no empty handshake fragments, at most 2^14 bytes.
    if (length === 0 || length > 16_384) return bad("a record of impossible length");
    const part = bytes.subarray(offset + 5, offset + 5 + length);
    parts.push(part);
    have += part.length;
    if (need < 0 && have >= 4) {
      const head = parts.length === 1 ? part : Buffer.concat(parts);
      if (head[0] !== 1) return bad("not a ClientHello");
      need = 4 + (head[1] ?? 0) * 65_536 + (head[2] ?? 0) * 256 + (head[3] ?? 0);
      if (need > MAX_HELLO) return bad("a ClientHello that is too long");
    }
    if (part.length < length && (need < 0 || have < need)) return { state: "more" };
    offset += 5 + length;
  }
  const whole = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  return whole.subarray(4, need);
}

function readExtensions(extensions: Reader, parent: Reader): ClientHello {
  if (parent.failed) return bad("a ClientHello that is cut off");
  let sni: string | undefined;
  let alpn: string[] = [];
  const seen = new Set<number>();
  while (extensions.left > 0) {
    const type = extensions.u16();
    const body = extensions.sub(extensions.u16());
    if (extensions.failed) return bad("an extension that is cut off");
    if (seen.has(type)) return bad("an extension that occurs twice");
    seen.add(type);
    if (type === 0) {
      const names = body.sub(body.u16());
      const kind = names.u8();
      const name = names.text(names.u16());
      if (body.failed || names.failed || kind !== 0 || names.left > 0) return bad("a malformed server name");
      if (!/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/.test(name)) return bad("a malformed server name");
      sni = name.toLowerCase();
    } else if (type === 16) {
      const list = body.sub(body.u16());
      alpn = [];
      while (list.left > 0 && !list.failed) alpn.push(list.text(list.u8()));
      if (body.failed || list.failed) return bad("a malformed ALPN list");
    }
  }
  return { state: "done", sni, alpn };
}

function bad(why: string): ClientHello {
  return { state: "bad", why };
}

/** Reads big-endian fields; past the end it gives zeros and remembers that it failed. */
class Reader {
  failed = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.failed ? 0 : this.#bytes.length - this.#at;
  }

  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) {
      this.failed = true;
      return 0;
    }
    this.#at += 1;
    return value;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  skip(count: number): void {
    if (count > this.left) this.failed = true;
    else this.#at += count;
  }

  sub(count: number): Reader {
    const start = this.#at;
    this.skip(count);
    return new Reader(this.failed ? new Uint8Array(0) : this.#bytes.subarray(start, start + count));
  }

  text(count: number): string {
    const start = this.#at;
    this.skip(count);
    if (this.failed) return "";
    return String.fromCharCode(...this.#bytes.subarray(start, start + count));
  }
}
