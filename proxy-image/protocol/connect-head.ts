/** The head of an HTTP CONNECT, or of a question about access (`GET /v1/access`), which comes on the same port. */
export type ConnectHead =
  | { readonly state: "more" }
  | { readonly state: "bad"; readonly status: 400 | 404 | 405 | 414 | 431 | 505; readonly why: string }
  | {
      readonly state: "done";
      /** Bytes that the head takes; what follows is the tunnelled connection's own. */
      readonly length: number;
      readonly method: "CONNECT" | "GET";
      /** The service, from the authority's host; empty for a question about all. */
      readonly host: string;
      readonly port: number;
      /** Value of `Proxy-Authorization`, or of a question's `Authorization`; never logged. */
      readonly authorization: string | undefined;
      /** Other headers, by lower-case name. */
      readonly headers: ReadonlyMap<string, string>;
    };

const MAX_HEADERS = 64;

/**
 * Reads an HTTP/1.1 CONNECT head (RFC 9110, 9.3.6; RFC 9112, 3.2.3), strictly: bare LF, folded lines, spaces before a
 * colon, a body, or a header given twice are refused, because each has let one reader see another request than the next.
 *
 * @param max longest head, in bytes
 */
export function readConnectHead(bytes: Uint8Array, max: number): ConnectHead {
  const end = findEnd(bytes, max);
  if (end < 0) {
    if (bytes.length >= max) return bad(431, "the head is too long");
    const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString("latin1");
    return "CONNECT ".startsWith(start) || "GET ".startsWith(start.slice(0, 4))
      ? { state: "more" }
      : bad(405, ONLY);
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
  const [requestLine = "", ...lines] = text.split("\r\n");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is being refused
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(requestLine + lines.join(""))) return bad(400, "a control character");
  const request = /^([A-Z]+) (\S+) HTTP\/(\d\.\d)$/.exec(requestLine);
  if (!request) return bad(400, "a malformed request line");
  const [, method, target = "", version] = request;
  if (method !== "CONNECT" && method !== "GET") return bad(405, ONLY);
  if (version !== "1.1") return bad(505, "only HTTP/1.1 is spoken here");
  const named = method === "GET" ? readQuestion(target) : readAuthority(target);
  if (named === undefined) {
    return method === "GET"
      ? bad(404, "there is /v1/access here")
      : bad(400, "the target is not SERVICE:PORT");
  }
  return readHeaders(lines, end + 4, method, named);
}

const ONLY = "only CONNECT is spoken here";
const QUESTION = "/v1/access";

interface Named {
  readonly host: string;
  readonly port: number;
}

function readQuestion(target: string): Named | undefined {
  if (target === QUESTION) return { host: "", port: 0 };
  return target.startsWith(`${QUESTION}/`) ? readAuthority(target.slice(QUESTION.length + 1)) : undefined;
}

function readAuthority(target: string): Named | undefined {
  const authority = /^([A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})?):(\d{1,5})$/.exec(target);
  const port = Number(authority?.[3] ?? 0);
  return authority?.[1] && port >= 1 && port <= 65_535 ? { host: authority[1], port } : undefined;
}

function readHeaders(
  lines: readonly string[],
  length: number,
  method: "CONNECT" | "GET",
  named: Named,
): ConnectHead {
  if (lines.length > MAX_HEADERS) return bad(431, "too many headers");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!match) return bad(400, "a malformed header");
    const name = (match[1] ?? "").toLowerCase();
    if (headers.has(name)) return bad(400, `header ${name} is given twice`);
    headers.set(name, match[2] ?? "");
  }
  // RFC 9112, 6: a CONNECT has no content; a length here means that somebody counts the tunnel's bytes otherwise.
  if (headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0") {
    return bad(400, "a CONNECT with content");
  }
  const authorization = credentialIn(headers, method);
  if (authorization === "both") return bad(400, "two credentials");
  return { state: "done", length, method, ...named, authorization: authorization?.value, headers };
}

/** Takes the credential out of the headers. A tunnel's `Authorization` is not meant for the proxy, and is no credential here. */
function credentialIn(
  headers: Map<string, string>,
  method: "CONNECT" | "GET",
): { readonly value: string } | "both" | undefined {
  const own = headers.get("proxy-authorization");
  const origin = headers.get("authorization");
  headers.delete("proxy-authorization");
  headers.delete("authorization");
  if (method === "GET" && own !== undefined && origin !== undefined) return "both";
  const value = own ?? (method === "GET" ? origin : undefined);
  return value === undefined ? undefined : { value };
}

/** Where the empty line begins; -1 when it is not there within `max` bytes. */
function findEnd(bytes: Uint8Array, max: number): number {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, max)).indexOf("\r\n\r\n");
  return at;
}

function bad(status: 400 | 404 | 405 | 414 | 431 | 505, why: string): ConnectHead {
  return { state: "bad", status, why };
}
