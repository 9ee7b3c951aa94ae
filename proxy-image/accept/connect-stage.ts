import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { Connection, TransportFacts } from "../connection.ts";
import { readConnectHead } from "../protocol/connect-head.ts";
import { principalOf } from "./identify-client.ts";

/** The shared port's stage: reads the CONNECT head inside TLS, and finds the service that it names. */
export class ConnectStage {
  readonly #connection: Connection;
  readonly #transport: TransportFacts;
  readonly #maxHead: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #done = false;

  constructor(
    connection: Connection,
    transport: TransportFacts,
    listener: Extract<ProxyListener, { mode: "connect" }>,
  ) {
    this.#connection = connection;
    this.#transport = transport;
    this.#maxHead = listener.maxHeadBytes;
  }

  push(data: Uint8Array): void {
    if (this.#done) return;
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data]);
    const head = readConnectHead(this.#bytes, this.#maxHead);
    if (head.state === "more") return;
    this.#done = true;
    const connection = this.#connection;
    if (head.state === "bad") {
      connection.client.write(response(head.status, head.why));
      connection.finish("protocol-refused", head.why);
      return;
    }
    // A credential that nobody here can verify must not pass for none: the client believes that it is somebody.
    if (head.authorization !== undefined) {
      connection.client.write(response(407, "no identity provider of this proxy accepts this credential"));
      connection.finish("handshake-failed", "credential not accepted");
      return;
    }
    // Only declared services can be dialled: the name is looked up here, never in DNS.
    const service = connection.state.services.get(head.host);
    if (!service?.port(head.port)) {
      connection.client.write(response(403, "no such service, or no access to it"));
      connection.finish("denied", `no service ${head.host}:${head.port}`);
      return;
    }
    connection.overHttp = true;
    const rest = this.#bytes.subarray(head.length);
    connection.headRead();
    const principal = principalOf(connection, this.#transport.workload);
    connection.identified(this.#transport, service, head.port, principal);
    if (rest.length > 0) connection.data(rest);
  }
}

/** A refusal, as HTTP. */
export function response(status: number, why: string): Uint8Array {
  const body = `${why}\n`;
  return Buffer.from(
    `HTTP/1.1 ${status} ${STATUS[status] ?? "Refused"}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

export const ESTABLISHED: Uint8Array = Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n");

const STATUS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
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
