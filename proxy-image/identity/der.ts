/** One DER element: its tag byte and where its content lies. */
export interface Element {
  readonly tag: number;
  /** First byte of the content. */
  readonly start: number;
  /** First byte after the content. */
  readonly end: number;
}

/** Text that is not DER, or not the DER that was expected. */
export class DerError extends Error {}

/** Reads the element at `offset`, which must lie wholly before `limit`. Definite lengths only, in their shortest form (X.690, 10.1). */
export function elementAt(der: Uint8Array, offset: number, limit: number): Element {
  const tag = der[offset];
  const first = der[offset + 1];
  if (tag === undefined || first === undefined || offset + 2 > limit) throw new DerError("cut off");
  // Multi-byte tags do not occur in a certificate.
  if ((tag & 0x1f) === 0x1f) throw new DerError("long tag");
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError("indefinite or absurd length");
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (der[start + index] ?? 0);
    if (length < 0x80 || length < 256 ** (count - 1))
      throw new DerError("length is not in its shortest form");
    start += count;
  }
  const end = start + length;
  if (start > limit || end > limit) throw new DerError("reaches beyond its parent");
  return { tag, start, end };
}

/** The elements inside a constructed element, in order. */
export function childrenOf(der: Uint8Array, parent: Element): Element[] {
  const children: Element[] = [];
  let offset = parent.start;
  while (offset < parent.end) {
    const child = elementAt(der, offset, parent.end);
    children.push(child);
    offset = child.end;
  }
  return children;
}

/** As `elementAt`, and the tag must be this one. */
export function expectTag(element: Element | undefined, tag: number, what: string): Element {
  if (element?.tag !== tag) throw new DerError(`${what} is missing`);
  return element;
}

/** Content as hex: for object identifiers, compared whole. */
export function hexOf(der: Uint8Array, element: Element): string {
  let text = "";
  for (let index = element.start; index < element.end; index++) {
    text += (der[index] ?? 0).toString(16).padStart(2, "0");
  }
  return text;
}

/** An IA5String's or UTCTime's content; a byte outside of ASCII is an error, because no name here may hold one. */
export function asciiOf(der: Uint8Array, element: Element): string {
  let text = "";
  for (let index = element.start; index < element.end; index++) {
    const byte = der[index] ?? 0;
    if (byte < 0x20 || byte > 0x7e) throw new DerError("a byte outside of printable ASCII");
    text += String.fromCharCode(byte);
  }
  return text;
}
