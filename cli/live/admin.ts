import { request } from "node:http";
import { CliError } from "../exit.ts";
import { messageOf } from "../people/private-file.ts";

/** One question to a proxy's admin interface. */
export interface AdminRequest {
  /** The command that asks, for its messages. */
  readonly command: string;
  /** `http://127.0.0.1:PORT`, or the path of a Unix socket. */
  readonly admin: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON. */
  readonly body?: string;
}

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT_MS = 10_000;
/** 100,000 connections are about 60 MB; what is longer is no answer of a proxy, and must not fill the memory. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Asks a proxy. @throws CliError when the address is none, or there is no answer within ten seconds */
export function askAdmin({ command, admin, method, path, body }: AdminRequest): Promise<AdminAnswer> {
  const where = whereIs(command, admin);
  const { promise, resolve, reject } = Promise.withResolvers<AdminAnswer>();
  const headers =
    body === undefined
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const sent = request(
    { ...where, method, path, headers, signal: AbortSignal.timeout(TIMEOUT_MS) },
    (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) sent.destroy(new Error("its answer does not end"));
        else chunks.push(chunk);
      });
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
      response.once("error", fail);
    },
  );
  function fail(cause: Error): void {
    const why =
      cause.name === "AbortError" ? "no answer in 10 seconds" : messageOf(cause) || "cannot be reached";
    reject(new CliError(`${command}: the proxy at ${admin}: ${why}`, undefined, { cause }));
  }
  sent.once("error", fail);
  sent.end(body);
  return promise;
}

/** Where an admin interface is. @throws CliError when it is no place for one */
export function whereIs(
  command: string,
  admin: string,
): { socketPath: string } | { host: string; port: string } {
  if (!/^https?:/.test(admin)) return { socketPath: admin };
  const url = URL.parse(admin);
  // The admin interface has no password: it is for loopback, and to send it elsewhere in the clear is a mistake.
  if (url?.protocol !== "http:" || !/^(127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname)) {
    throw new CliError(
      `${command}: --admin ${admin}: give http://127.0.0.1:PORT (kubectl port-forward makes one) or the path of a socket`,
    );
  }
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port || "80" };
}

/** The text as JSON; undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
