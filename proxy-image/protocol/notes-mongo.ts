import type { Note } from "./notes.ts";

const OP_QUERY = 2004;
const OP_MSG = 2013;
/** `hello`, `client`, `application`: no name that is looked for lies deeper. */
const MAX_DEPTH = 3;

/**
 * `hello` (or `isMaster`), with which every driver begins: the application's name, the driver, and the user for whom it
 * asks the authentication mechanisms. OP_MSG section 0, or OP_QUERY of older drivers.
 */
export function noteMongo(bytes: Uint8Array): Note {
  if (bytes.length < 21) return "more";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getInt32(0, true);
  const operation = view.getInt32(12, true);
  if (length < 26 || length > 48_000_000) return "none";
  if (bytes.length < Math.min(length, 4_096)) return "more";
  let start: number;
  if (operation === OP_MSG) {
    if (bytes[20] !== 0) return "none";
    start = 21;
  } else if (operation === OP_QUERY) {
    const end = bytes.indexOf(0, 20);
    if (end < 0) return "none";
    start = end + 9;
  } else return "none";
  const names = new Map<string, string>();
  readDocument(bytes, start, "", 0, names);
  const found: Record<string, string> = {};
  const application = names.get("client.application.name");
  const driver = names.get("client.driver.name");
  // `saslSupportedMechs` is "database.user".
  const user = names.get("saslSupportedMechs");
  if (application) found["client.id"] = application;
  else if (driver) found["client.id"] = driver;
  if (user) {
    const dot = user.indexOf(".");
    found["db.user"] = user.slice(dot + 1);
    if (dot > 0) found["db.name"] = user.slice(0, dot);
  }
  return Object.keys(found).length > 0 ? found : "none";
}

/** Collects the strings of a BSON document by dotted path. Stops at whatever it does not know. */
function readDocument(
  bytes: Uint8Array,
  start: number,
  prefix: string,
  depth: number,
  names: Map<string, string>,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (start + 5 > bytes.length) return;
  const end = Math.min(start + view.getInt32(start, true), bytes.length);
  let at = start + 4;
  while (at < end) {
    const type = bytes[at] ?? 0;
    const nameEnd = bytes.indexOf(0, at + 1);
    if (type === 0 || nameEnd < 0) return;
    const name = prefix + Buffer.from(bytes.subarray(at + 1, nameEnd)).toString("utf8");
    at = nameEnd + 1;
    const size = valueSize(view, type, at);
    if (size === undefined || at + size > bytes.length) return;
    if (type === 2) names.set(name, Buffer.from(bytes.subarray(at + 4, at + size - 1)).toString("utf8"));
    if (type === 3 && depth < MAX_DEPTH) readDocument(bytes, at, `${name}.`, depth + 1, names);
    at += size;
  }
}

/** Bytes of a BSON value; undefined for a type that no `hello` holds. */
function valueSize(view: DataView, type: number, at: number): number | undefined {
  const length = (): number | undefined => (at + 4 <= view.byteLength ? view.getInt32(at, true) : undefined);
  const plus = (value: number | undefined, more: number) =>
    value === undefined || value < 0 ? undefined : value + more;
  switch (type) {
    case 2:
      return plus(length(), 4);
    case 3:
    case 4:
      return plus(length(), 0);
    case 5:
      return plus(length(), 5);
    case 1:
    case 9:
    case 18:
    case 17:
      return 8;
    case 16:
      return 4;
    case 8:
      return 1;
    case 10:
      return 0;
    case 7:
      return 12;
    default:
      return undefined;
  }
}
