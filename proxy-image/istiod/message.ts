/** The two messages of `istio.v1.auth.IstioCertificateService`, in protobuf's wire format. */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** `IstioCertificateRequest`: `csr` is field 1, `validity_duration` in seconds field 3. */
export function writeCertificateRequest(csr: string, validitySeconds: number): Uint8Array {
  const text = Buffer.from(csr);
  return Buffer.concat([
    Uint8Array.of((1 << 3) | BYTES),
    varint(text.length),
    text,
    Uint8Array.of((3 << 3) | VARINT),
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
  const reader = new Reader(bytes);
  while (!reader.done) {
    const key = reader.varint();
    if (key === ((1 << 3) | BYTES)) chain.push(Buffer.from(reader.bytes()).toString("utf8"));
    else reader.skip(key & 7);
  }
  return chain;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...bytes, rest);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 10; shift++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new Error("the answer is cut off");
      this.#at += 1;
      value += (byte & 0x7f) * 128 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error("the answer holds a number that does not end");
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const start = this.#at;
    this.#advance(length);
    return this.#bytes.subarray(start, this.#at);
  }

  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.varint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case BYTES:
        this.bytes();
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new Error("the answer holds a field of an unknown type");
    }
  }

  #advance(length: number): void {
    if (length > this.#bytes.length - this.#at) throw new Error("the answer is cut off");
    this.#at += length;
  }
}
