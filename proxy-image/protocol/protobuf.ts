/** Protobuf's wire format, as far as the two small services need it that the proxy is a client of. */

export const VARINT = 0;
export const FIXED64 = 1;
/** A string, bytes, or a message. */
export const BYTES = 2;
export const FIXED32 = 5;

/** The key before a field. */
export function fieldKey(number: number, wireType: number): number {
  return number * 8 + wireType;
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.of(...bytes, rest);
}

/** Reads a message field by field; every method throws Error for bytes that are none. */
export class ProtobufReader {
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

  text(): string {
    return Buffer.from(this.bytes()).toString("utf8");
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
