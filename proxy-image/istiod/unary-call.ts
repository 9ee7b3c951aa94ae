import { connect, constants, type IncomingHttpHeaders } from "node:http2";

export interface UnaryCall {
  /** `host:port`. */
  readonly address: string;
  /** The name that the server's certificate must have. */
  readonly serverName: string;
  /** PEM: the only authorities that count. */
  readonly ca: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: Uint8Array;
  /** Milliseconds for everything, connecting included. */
  readonly timeout: number;
}

/** The server answered with a status other than OK, or not as gRPC at all. */
export class CallError extends Error {
  readonly code = "PROXY_GRPC";
}

/** More than this is no certificate chain. */
const MAX_ANSWER = 1024 * 1024;
/** Flag byte and four bytes of length before each message. */
export const PREFIX = 5;

/**
 * One gRPC call with one message each way, over TLS. That is all that a certificate takes; a gRPC library would be several
 * times the rest of the proxy.
 *
 * @throws CallError for a status other than OK; the transport's own error when there was no answer
 */
export function callUnary(call: UnaryCall): Promise<Uint8Array> {
  return new Promise((done, failed) => {
    const session = connect(`https://${call.address}`, {
      ca: call.ca,
      servername: call.serverName,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["h2"],
      // Never by a variable of the environment.
      rejectUnauthorized: true,
    });
    let ended = false;
    const timer = setTimeout(() => end(new CallError(`no answer within ${call.timeout} ms`)), call.timeout);
    const end = (result: Error | Uint8Array) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      session.destroy();
      if (result instanceof Error) failed(result);
      else done(result);
    };
    session.on("error", end);
    session.on("close", () => end(new CallError("the connection was closed before the answer")));
    const stream = session.request({
      ":method": "POST",
      ":path": call.method,
      "content-type": "application/grpc",
      te: "trailers",
      ...call.metadata,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let status: IncomingHttpHeaders = {};
    stream.on("error", end);
    // An answer without a message has its status in the headers.
    stream.on("response", (headers) => {
      status = { ...headers };
    });
    stream.on("trailers", (headers) => {
      status = { ...status, ...headers };
    });
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER) end(new CallError("the answer is too long"));
    });
    stream.on("close", () => end(answerOf(status, Buffer.concat(chunks))));
    stream.end(framed(call.message));
  });
}

function prefixOf(length: number): Uint8Array {
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

function answerOf(headers: IncomingHttpHeaders, body: Buffer): Error | Uint8Array {
  const refusal = refusalOf(headers);
  if (refusal) return refusal;
  if (body.length < PREFIX || body[0] !== 0 || body.readUInt32BE(1) !== body.length - PREFIX) {
    return new CallError("the answer is not one uncompressed message");
  }
  return body.subarray(PREFIX);
}

/** What headers and trailers of an answer say against it; undefined for a call that succeeded. */
export function refusalOf(headers: IncomingHttpHeaders): CallError | undefined {
  const http = Number(headers[constants.HTTP2_HEADER_STATUS] ?? 0);
  const code = headers["grpc-status"];
  if (http !== 200 && code === undefined) return new CallError(`the answer is HTTP ${http}, not gRPC`);
  if (code === "0") return undefined;
  const message = decode(String(headers["grpc-message"] ?? ""));
  return new CallError(`gRPC status ${String(code ?? "missing")}${message ? `: ${message}` : ""}`);
}

/** A message with the five bytes that gRPC puts before it: not compressed, and its length. */
export function framed(message: Uint8Array): Uint8Array {
  return Buffer.concat([prefixOf(message.length), message]);
}

/** Percent-encoded by the protocol; a server that does it wrong must not hide its message. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
