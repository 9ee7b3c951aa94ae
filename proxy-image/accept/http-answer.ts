import type { Connection } from "../connection.ts";

/** What a client that speaks HTTP is told, beside the status. */
export interface HttpRefusal {
  /** Stable, for programs: `credential_required`, `invalid_token`, `access_denied`, `limit`, `unavailable`, `bad_request`. */
  readonly error: string;
  /** For people. */
  readonly message: string;
  readonly service?: string | undefined;
  readonly owner?: string | undefined;
  /** What its holder would have to have; see `credentials/access-answer.ts`. */
  readonly missing?: unknown;
  /** Value of `Proxy-Authenticate`, with status 407. */
  readonly challenge?: string | undefined;
}

/** A refusal as an HTTP answer: JSON for who asked for it, else a line of text. The connection's id is in it, to be found in the records. */
export function refusalAnswer(connection: Connection, status: number, refusal: HttpRefusal): Uint8Array {
  const { error, message, service, owner, missing, challenge } = refusal;
  const body = connection.wantsJson
    ? `${JSON.stringify({ error, message, service, owner, missing, connection: connection.id })}\n`
    : `${message} (connection ${connection.id})\n`;
  const type = connection.wantsJson ? "application/json" : "text/plain; charset=utf-8";
  return answer(status, type, body, challenge === undefined ? "" : `Proxy-Authenticate: ${challenge}\r\n`);
}

/** An answer with JSON. */
export function jsonAnswer(value: unknown): Uint8Array {
  return answer(200, "application/json", `${JSON.stringify(value)}\n`, "Cache-Control: no-store\r\n");
}

function answer(status: number, type: string, body: string, more: string): Uint8Array {
  const head = `HTTP/1.1 ${status} ${STATUS[status] ?? "Refused"}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}Connection: close\r\n\r\n`;
  return Buffer.from(head + body);
}

/**
 * The challenge of RFC 6750, section 3.
 *
 * @param why given when a credential was shown and is not accepted
 */
export function challenge(why?: string): string {
  const realm = 'Bearer realm="portreeve"';
  if (why === undefined) return realm;
  // RFC 6750 allows no quote, backslash or character beyond ASCII here.
  const description = why.replaceAll('"', "'").replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, " ");
  return `${realm}, error="invalid_token", error_description="${description}"`;
}

export const ESTABLISHED: Uint8Array = Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n");

const STATUS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  407: "Proxy Authentication Required",
  414: "URI Too Long",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};
