import type { Note } from "./notes.ts";

const PROTOCOL_3 = 3;

/** StartupMessage of protocol 3: pairs of zero-terminated texts. The database is the user's name unless it is given. */
export function notePostgres(bytes: Uint8Array): Note {
  if (bytes.length < 8) return "more";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0);
  if (view.getUint16(4) !== PROTOCOL_3 || length < 8 || length > 10_000) return "none";
  if (bytes.length < Math.min(length, 4_096)) return "more";
  const texts = Buffer.from(bytes.subarray(8, length)).toString("utf8").split("\0");
  const parameters = new Map<string, string>();
  for (let index = 0; index + 1 < texts.length && texts[index] !== ""; index += 2) {
    parameters.set(texts[index] ?? "", texts[index + 1] ?? "");
  }
  const user = parameters.get("user");
  if (user === undefined) return "none";
  const application = parameters.get("application_name");
  return {
    "db.user": user,
    "db.name": parameters.get("database") ?? user,
    ...(application && { "db.application": application }),
  };
}
