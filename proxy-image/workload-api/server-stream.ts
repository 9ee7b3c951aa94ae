import { connect, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket } from "node:net";
import { CallError, framed, PREFIX, refusalOf } from "../istiod/unary-call.ts";

export interface StreamCall {
  /** Path of the Unix socket. */
  readonly socket: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: Uint8Array;
  /** A message came. */
  readonly received: (message: Uint8Array) => void;
  /** The stream is over, for this reason; told once, and not after `close`. */
  readonly ended: (error: Error) => void;
}

/** Longer than any set of certificates: a server that sends more is none. */
const MAX_MESSAGE = 4 * 1024 * 1024;

/** One gRPC call with a message to a Unix socket and a stream of messages back. Returns what ends it. */
export function openServerStream(call: StreamCall): () => void {
  const session = connect("http://localhost", { createConnection: () => connectSocket(call.socket) });
  let over = false;
  const close = (): void => {
    over = true;
    session.destroy();
  };
  const end = (error: Error): void => {
    if (over) return;
    close();
    call.ended(error);
  };
  session.on("error", end);
  session.on("close", () => end(new CallError("the connection was closed")));
  const stream = session.request({
    ":method": "POST",
    ":path": call.method,
    "content-type": "application/grpc",
    te: "trailers",
    ...call.metadata,
  });
  let status: IncomingHttpHeaders = {};
  let rest: Buffer = Buffer.alloc(0);
  stream.on("error", end);
  // An answer without a message has its status in the headers.
  stream.on("response", (headers) => {
    status = { ...headers };
  });
  stream.on("trailers", (headers) => {
    status = { ...status, ...headers };
  });
  stream.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (!over && rest.length >= PREFIX) {
      const length = rest.readUInt32BE(1);
      if (rest[0] !== 0 || length > MAX_MESSAGE) {
        end(new CallError("the answer is not a stream of uncompressed messages of a sensible length"));
        return;
      }
      if (rest.length < PREFIX + length) return;
      call.received(rest.subarray(PREFIX, PREFIX + length));
      rest = rest.subarray(PREFIX + length);
    }
  });
  stream.on("close", () => end(refusalOf(status) ?? new CallError("the server ended the stream")));
  stream.end(framed(call.message));
  return close;
}
