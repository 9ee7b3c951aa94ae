/** HTTP/2 frames by hand, for what no well-behaved library sends. Headers are literals without indexing (RFC 7541, 6.2.2). */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import type { SessionOptions } from "./hbone-client.ts";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const FRAME = {
  data: 0,
  headers: 1,
  rst: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
};
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 };

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function headers(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.of(0), text(name), text(value)])));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const size: number[] = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) size.push((rest % 128) | 0x80);
  return Buffer.concat([Buffer.from([...size, rest]), bytes]);
}

export const connectTo = (authority: string) =>
  headers([
    [":method", "CONNECT"],
    [":authority", authority],
  ]);

export const reset = (stream: number) => frame(FRAME.rst, 0, stream, Buffer.of(0, 0, 0, 8));

export interface RawSession {
  readonly socket: TLSSocket;
  /** Frame types and payloads so far. */
  readonly seen: { readonly type: number; readonly stream: number; readonly payload: Buffer }[];
  readonly closed: () => boolean;
}

/** TLS, the preface and our settings; reads frames from then on. */
export async function openRaw({ port, ca, client }: SessionOptions, greeting = true): Promise<RawSession> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca: ca.cert,
    ...(client && { cert: client.cert, key: client.key }),
    ALPNProtocols: ["h2"],
    checkServerIdentity: () => undefined,
  });
  const seen: { type: number; stream: number; payload: Buffer }[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let closed = false;
  socket.on("data", (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const size = rest.readUIntBE(0, 3);
      const type = rest.readUInt8(3);
      seen.push({ type, stream: rest.readUInt32BE(5), payload: rest.subarray(9, 9 + size) });
      rest = rest.subarray(9 + size);
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
  await once(socket, "secureConnect");
  if (greeting) socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]));
  return { socket, seen, closed: () => closed };
}
