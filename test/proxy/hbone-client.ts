/** An HBONE client for tests, on Node's HTTP/2: a session as ztunnel opens one, and CONNECT streams in it. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTls } from "node:tls";
import type { Authority, Issued } from "../../proxy-image/dev/certificates.ts";

export interface SessionOptions {
  readonly port: number;
  readonly ca: Authority;
  /** @default none, which the proxy refuses */
  readonly client?: Issued | undefined;
}

/** Opens the TLS connection and HTTP/2 in it; a failure shows as the session's `error` or `close`. */
export function openSession({ port, ca, client }: SessionOptions): ClientHttp2Session {
  const session = connectHttp2("https://hbone.invalid", {
    createConnection: () =>
      connectTls({
        host: "127.0.0.1",
        port,
        ca: ca.cert,
        ...(client && { cert: client.cert, key: client.key }),
        ALPNProtocols: ["h2"],
        // The proxy is known by its SPIFFE ID, not by a name.
        checkServerIdentity: () => undefined,
      }),
    // The tests push more into a stream that does not move than Node holds by default.
    maxSessionMemory: 1_000,
  });
  session.on("error", () => {});
  // As ztunnel: more than a stream's, or one stream that is not read would stop all others on the client's side.
  session.once("connect", () => session.setLocalWindowSize(16 * 1024 * 1024));
  return session;
}

/** A stream that was answered. */
export interface Answered {
  readonly status: number;
  readonly stream: ClientHttp2Stream;
}

/** Sends a CONNECT as ztunnel does, and waits for the status. */
export function openStream(
  session: ClientHttp2Session,
  authority: string | undefined,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const stream = session.request(
    {
      ":method": "CONNECT",
      ...(authority !== undefined && { ":authority": authority }),
      baggage: "k8s.cluster.name=east,k8s.namespace.name=shop,k8s.deployment.name=api",
      forwarded: "for=10.0.0.9",
      ...headers,
    },
    { endStream: false },
  );
  return answer(stream);
}

export function answer(stream: ClientHttp2Stream): Promise<Answered> {
  return new Promise((done, failed) => {
    stream.once("response", (headers) => done({ status: Number(headers[":status"]), stream }));
    stream.once("close", () => failed(new Error(`closed with ${stream.rstCode} before an answer`)));
    stream.on("error", failed);
  });
}

/** Everything that comes until the end. */
export function readAll(stream: ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((done, failed) => {
    stream.on("data", (data: Buffer) => chunks.push(data));
    stream.once("end", () => done(Buffer.concat(chunks)));
    stream.once("error", failed);
    stream.resume();
  });
}

/** Sends and half-closes; the bytes that come back. */
export function roundTrip(stream: ClientHttp2Stream, data: Uint8Array | string): Promise<Buffer> {
  const reading = readAll(stream);
  stream.end(data);
  return reading;
}
