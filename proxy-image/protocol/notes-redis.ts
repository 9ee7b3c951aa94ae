import type { Note } from "./notes.ts";

/** Commands looked at: a client may set its name or select a database before it says who it is. */
const MAX_COMMANDS = 8;

/** The user of `AUTH user password` or `HELLO … AUTH user password`, and the client's name. Never the password. */
export function noteRedis(bytes: Uint8Array): Note {
  const found: Record<string, string> = {};
  let offset = 0;
  for (let count = 0; count < MAX_COMMANDS; count++) {
    const command = readCommand(bytes, offset);
    if (command === "more") break;
    if (command === "none") return noteOf(found, "none");
    offset = command.end;
    look(command.words, found);
    if ("db.user" in found) return found;
  }
  return noteOf(found, "more");
}

function noteOf(found: Record<string, string>, otherwise: "more" | "none"): Note {
  return Object.keys(found).length > 0 ? found : otherwise;
}

function look(words: readonly string[], found: Record<string, string>): void {
  const upper = words.map((word) => word.toUpperCase());
  if (upper[0] === "AUTH") found["db.user"] = words.length >= 3 ? (words[1] ?? "") : "default";
  if (upper[0] === "HELLO") {
    const auth = upper.indexOf("AUTH");
    if (auth > 0) found["db.user"] = words[auth + 1] ?? "";
    const name = upper.indexOf("SETNAME");
    if (name > 0) found["client.id"] = words[name + 1] ?? "";
  }
  if (upper[0] === "CLIENT" && upper[1] === "SETNAME") found["client.id"] = words[2] ?? "";
}

/** One command as an array of bulk strings (RESP). */
function readCommand(bytes: Uint8Array, from: number): { words: string[]; end: number } | "more" | "none" {
  const head = readNumber(bytes, from, 0x2a);
  if (typeof head === "string") return head;
  if (head.value < 1 || head.value > 64) return "none";
  const words: string[] = [];
  let at = head.end;
  for (let index = 0; index < head.value; index++) {
    const size = readNumber(bytes, at, 0x24);
    if (typeof size === "string") return size;
    const end = size.end + size.value;
    if (size.value < 0 || size.value > 1_024) return "none";
    if (bytes.length < end + 2) return "more";
    words.push(Buffer.from(bytes.subarray(size.end, end)).toString("utf8"));
    at = end + 2;
  }
  return { words, end: at };
}

function readNumber(
  bytes: Uint8Array,
  at: number,
  mark: number,
): { value: number; end: number } | "more" | "none" {
  if (at >= bytes.length) return "more";
  if (bytes[at] !== mark) return "none";
  const end = bytes.indexOf(0x0d, at);
  if (end < 0) return bytes.length - at > 16 ? "none" : "more";
  const text = Buffer.from(bytes.subarray(at + 1, end)).toString("latin1");
  if (!/^\d{1,9}$/.test(text)) return "none";
  return bytes.length < end + 2 ? "more" : { value: Number(text), end: end + 2 };
}
