import { Memory } from "../native/libc.ts";
import { type Handle, requireRustls } from "./library.ts";

/** What a finished handshake has found. */
export interface HandshakeFacts {
  readonly resumed: boolean;
  readonly version: string;
  readonly serverName: string | undefined;
  /** DER of the peer's certificates, the leaf first; each verified as a chain. None, where none was shown. */
  readonly certificates: readonly Uint8Array[];
}

/** A handshake's messages are 64 KiB at most, and so are the certificates in it. */
const ROOM = 128 * 1024;

let memory: Memory | undefined;

/** @throws when the session has not finished its handshake */
export function handshakeFacts(session: Handle): HandshakeFacts {
  memory ??= new Memory(ROOM);
  const length = requireRustls().portreeve_tls_facts(session, memory.at, ROOM);
  if (length < 0 || length > ROOM) throw new Error("the handshake tells nothing");
  // A copy: the certificates are kept, and the memory is used for the next handshake.
  return readFacts(Buffer.from(memory.bytes.subarray(0, length)));
}

/** @param bytes as `portreeve_tls_facts` writes them */
export function readFacts(bytes: Buffer): HandshakeFacts {
  const [resumed, version, name, ...certificates] = parts(bytes);
  return {
    resumed: resumed !== undefined && resumed.length > 0,
    version: version?.toString("latin1") ?? "",
    serverName: name?.toString("latin1") || undefined,
    certificates,
  };
}

/** Each is its length, in four bytes, and itself. x86-64 and arm64 are little-endian. */
function parts(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + 4;
    const end = start + bytes.readUInt32LE(at);
    if (end > bytes.length) throw new Error("the handshake's facts are cut off");
    found.push(bytes.subarray(start, end));
    at = end;
  }
  return found;
}
