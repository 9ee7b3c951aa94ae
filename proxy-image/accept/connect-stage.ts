import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { PrincipalChain } from "../../policy/decide/index.ts";
import type { Connection } from "../connection.ts";
import { readConnectHead } from "../protocol/connect-head.ts";
import type { CompleteHead } from "./credentials.ts";
import { principalOf } from "./identify-client.ts";
import type { TransportFacts } from "./transport.ts";

/** The shared port's stage: reads the CONNECT head inside TLS, who its credential names, and the service that is meant. */
export class ConnectStage {
  readonly #connection: Connection;
  readonly #transport: TransportFacts;
  readonly #maxHead: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #head: CompleteHead | undefined;
  #paused = false;

  constructor(
    connection: Connection,
    transport: TransportFacts,
    listener: Extract<ProxyListener, { mode: "connect" }>,
  ) {
    this.#connection = connection;
    this.#transport = transport;
    this.#maxHead = listener.maxHeadBytes;
  }

  /** The client has said all that it wants before its credential is verified, and may have ended its side. */
  get holdsRequest(): boolean {
    return this.#head !== undefined && this.#bytes.length > 0;
  }

  push(data: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data]);
    if (this.#head) this.#hold();
    else this.#read();
  }

  #read(): void {
    const head = readConnectHead(this.#bytes, this.#maxHead);
    const connection = this.#connection;
    if (head.state === "more") return;
    if (head.state === "bad") {
      this.#refuse(head.status, head.why, "protocol-refused");
      return;
    }
    this.#head = head;
    this.#bytes = this.#bytes.subarray(head.length);
    if (head.authorization === undefined) {
      this.#proceed(head, principalOf(connection, this.#transport.workload));
      return;
    }
    const { credentials } = connection.state;
    // A credential that nobody here can verify must not pass for none: the client believes that it is somebody.
    if (!credentials) {
      this.#refuse(407, "no identity provider of this proxy accepts this credential", "handshake-failed");
      return;
    }
    this.#hold();
    void credentials.verify(head, connection).then((verified) => {
      if (connection.phase !== "identify") return;
      if (verified.ok) this.#proceed(head, verified.principal, verified.until);
      else this.#refuse(verified.status, verified.why, "handshake-failed");
    });
  }

  #proceed(head: CompleteHead, principal: PrincipalChain, until?: number): void {
    const connection = this.#connection;
    // Only declared services can be dialled: the name is looked up here, never in DNS.
    const service = connection.state.services.get(head.host);
    if (!service?.port(head.port)) {
      connection.client.write(response(403, "no such service, or no access to it"));
      connection.finish("denied", `no service ${head.host}:${head.port}`);
      return;
    }
    connection.overHttp = true;
    connection.headRead();
    // First, because what was held may be enough to pause the client again.
    if (this.#paused) connection.client.resume();
    connection.identified(this.#transport, service, head.port, principal, until);
    if (this.#bytes.length > 0) connection.data(this.#bytes);
  }

  /** The client may go on to speak while its credential is verified, but not without bound. */
  #hold(): void {
    const { bufferBytes } = this.#connection.state.generation.config.limits;
    if (this.#paused || this.#bytes.length <= bufferBytes) return;
    this.#paused = true;
    this.#connection.client.pause();
  }

  #refuse(status: number, why: string, reason: "protocol-refused" | "handshake-failed"): void {
    this.#connection.client.write(response(status, why));
    this.#connection.finish(reason, why);
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
