import { isSslRequest, readLogin, readPacket } from "./mysql-packets.ts";
import type { Note } from "./notes.ts";

/** HandshakeResponse41. A client that begins TLS of its own towards the server says nothing here. */
export function noteMysql(bytes: Uint8Array): Note {
  const packet = readPacket(bytes);
  if (!packet) return "more";
  if (isSslRequest(packet.payload)) return "none";
  const { user, database } = readLogin(packet.payload);
  const text = (value: Uint8Array) => Buffer.from(value).toString("utf8");
  return { "db.user": text(user), ...(database && { "db.name": text(database) }) };
}
