/** The head of an HTTP CONNECT. */
export type ConnectHead =
  | { readonly state: "more" }
  | { readonly state: "bad"; readonly status: 400 | 405 | 414 | 431 | 505; readonly why: string }
  | {
      readonly state: "done";
      /** Bytes that the head takes; what follows is the tunnelled connection's own. */
      readonly length: number;
      /** The service, from the authority's host. */
      readonly host: string;
      readonly port: number;
      /** Value of `Proxy-Authorization`; never logged. */
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
    return "CONNECT ".startsWith(start) ? { state: "more" } : bad(405, "only CONNECT is spoken here");
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1");
  const [requestLine = "", ...lines] = text.split("\r\n");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is being refused
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(requestLine + lines.join(""))) return bad(400, "a control character");
  const request = /^([A-Z]+) (\S+) HTTP\/(\d\.\d)$/.exec(requestLine);
  if (!request) return bad(400, "a malformed request line");
  const [, method, target = "", version] = request;
  if (method !== "CONNECT") return bad(405, "only CONNECT is spoken here");
  if (version !== "1.1") return bad(505, "only HTTP/1.1 is spoken here");
  const authority = /^([A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})?):(\d{1,5})$/.exec(target);
  const port = Number(authority?.[3] ?? 0);
  if (!authority?.[1] || port < 1 || port > 65_535) return bad(400, "the target is not SERVICE:PORT");
  return readHeaders(lines, end + 4, authority[1], port);
}

function readHeaders(lines: readonly string[], length: number, host: string, port: number): ConnectHead {
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
  const authorization = headers.get("proxy-authorization");
  headers.delete("proxy-authorization");
  return { state: "done", length, host, port, authorization, headers };
}

/** Where the empty line begins; -1 when it is not there within `max` bytes. */
function findEnd(bytes: Uint8Array, max: number): number {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, max)).indexOf("\r\n\r\n");
  return at;
}

function bad(status: 400 | 405 | 414 | 431 | 505, why: string): ConnectHead {
  return { state: "bad", status, why };
}
