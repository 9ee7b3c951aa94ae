const encoder = new TextEncoder();

/** The length of a string in bytes of UTF-8: what Go calls its length. */
export function byteLength(value: string): number {
  return encoder.encode(value).length;
}
