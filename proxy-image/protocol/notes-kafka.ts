import type { Note } from "./notes.ts";

/** The client id of a request header, version 1 or 2: size, API key, API version, correlation id, nullable string. */
export function noteKafka(bytes: Uint8Array): Note {
  if (bytes.length < 14) return "more";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getInt32(0);
  if (size < 10 || size > 104_857_600 || view.getInt16(4) < 0 || view.getInt16(4) > 200) return "none";
  const length = view.getInt16(12);
  if (length < 0 || length > size - 10) return "none";
  if (bytes.length < 14 + length) return "more";
  return { "client.id": Buffer.from(bytes.subarray(14, 14 + length)).toString("utf8") };
}
