import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { CliError } from "../../exit.ts";
import { version } from "../../version.ts";
import type { Authorizer } from "../authorization.ts";
import { messageOf } from "../private-file.ts";
import { dialProxy } from "./dial.ts";
import { refusalFrom } from "./refusal.ts";

const TIMEOUT_MS = 30_000;
const MAX_BODY = 8 * 1024 * 1024;

/** A connection through the proxy to a service. */
export interface Tunnel {
  readonly stream: Duplex;
  /** Bytes of the service that came with the proxy's answer. */
  readonly head: Buffer;
}

/**
 * Opens a tunnel by HTTP CONNECT (RFC 9110, 9.3.6).
 *
 * @throws ProxyRefusal when the proxy says no, CliError when it cannot be asked
 */
export async function openTunnel(authorizer: Authorizer, target: string): Promise<Tunnel> {
  const { message, stream, head } = await exchange(authorizer, "CONNECT", target);
  if (message.statusCode === 200) return { stream, head };
  // What follows the head of a refusal is its body, which Node leaves in the stream for a CONNECT.
  const text = await bodyAfter(stream, head, Number(message.headers["content-length"]));
  stream.destroy();
  throw refused(authorizer, message, text);
}

/**
 * Gets JSON from the shared port.
 *
 * @throws ProxyRefusal when the proxy says no, CliError when it cannot be asked or answers otherwise
 */
export async function getJson(authorizer: Authorizer, path: string): Promise<unknown> {
  const { message, stream } = await exchange(authorizer, "GET", path);
  const text = await bodyOf(message);
  stream.destroy();
  if (message.statusCode !== 200) throw refused(authorizer, message, text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError(
      `${authorizer.context.proxy.address} is no Portreeve proxy: it answers ${path} with no JSON`,
      undefined,
      { cause },
    );
  }
}

function refused(
  { context }: Authorizer,
  { statusCode = 0, headers }: IncomingMessage,
  text: string,
): CliError {
  const challenge = headers["proxy-authenticate"];
  return refusalFrom(statusCode, text, Array.isArray(challenge) ? challenge[0] : challenge, context.name);
}

interface Exchange {
  readonly message: IncomingMessage;
  readonly stream: Duplex;
  readonly head: Buffer;
}

async function exchange(authorizer: Authorizer, method: "CONNECT" | "GET", path: string): Promise<Exchange> {
  const { proxy } = authorizer.context;
  const { header } = await authorizer.get();
  const socket = await dialProxy(proxy);
  const { promise, resolve, reject } = Promise.withResolvers<Exchange>();
  const request = httpRequest({
    method,
    path,
    // Without an agent of any kind: one would dial by itself.
    createConnection: () => socket,
    maxHeaderSize: 64 * 1024,
    timeout: TIMEOUT_MS,
    headers: {
      host: method === "CONNECT" ? path : proxy.address,
      accept: "application/json",
      "user-agent": `portreeve/${version()}`,
      "proxy-authorization": header,
    },
  });
  const failed = (cause: Error): void =>
    reject(new CliError(`the proxy at ${proxy.address}: ${messageOf(cause)}`, undefined, { cause }));
  request.once("error", failed);
  request.once("timeout", () => request.destroy(new Error("no answer in 30 seconds")));
  request.once("connect", (message, stream, head) => {
    // A tunnel may be silent for as long as it likes.
    socket.setTimeout(0);
    resolve({ message, stream, head });
  });
  request.once("response", (message) => resolve({ message, stream: socket, head: Buffer.alloc(0) }));
  request.end();
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY) throw new CliError("the proxy's answer is longer than 8 MiB");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function bodyAfter(stream: Duplex, head: Buffer, declared: number): Promise<string> {
  const length = Number.isFinite(declared) ? Math.min(declared, MAX_BODY) : MAX_BODY;
  let body = head;
  try {
    if (body.length < length) {
      for await (const chunk of stream) {
        body = Buffer.concat([body, Buffer.from(chunk)]);
        if (body.length >= length) break;
      }
    }
  } catch {
    // Cut off: what has come still says more than nothing.
  }
  return body.subarray(0, length).toString("utf8");
}
