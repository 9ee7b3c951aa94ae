import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { Connection } from "../connection.ts";
import { readProxyHeader } from "../protocol/proxy-header.ts";
import { matchesCidrs } from "../runtime/cidr.ts";

/** More than any preamble that is accepted: a PROXY header of 4 KiB and a ClientHello of 16 KiB with its records. */
const MAX_PREAMBLE = 24 * 1024;

/** Gets the bytes so far; true when it needs no more, and has handed on or ended the connection. */
export type PreambleStep = (bytes: Uint8Array) => boolean;

/**
 * What is read from a client in plain before its connection begins: the PROXY header of a balancer, then whatever the
 * port needs to know. The bytes of the connection itself are handed on untouched.
 */
export class Preamble {
  readonly #connection: Connection;
  #step: PreambleStep = () => true;
  #bytes: Uint8Array = new Uint8Array(0);
  #awaitsHeader: boolean;

  constructor(connection: Connection, listener: ProxyListener) {
    this.#connection = connection;
    const { proxyProtocol } = listener;
    this.#awaitsHeader =
      proxyProtocol !== undefined && matchesCidrs(connection.peerAddress, proxyProtocol.from);
  }

  /** What reads on after the PROXY header. */
  next(step: PreambleStep): void {
    this.#step = step;
  }

  /** Takes bytes from the client; true when the preamble is over. */
  push(data: Uint8Array): boolean {
    if (this.#connection.phase === "closed") return true;
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data]);
    if (this.#awaitsHeader && !this.#readHeader()) return this.#over();
    if (this.#step(this.#bytes)) return true;
    return this.#over();
  }

  /** Begins anew with these bytes: what was read so far has been dealt with. */
  restart(bytes: Uint8Array = new Uint8Array(0)): void {
    this.#bytes = bytes;
    if (bytes.length > 0) queueMicrotask(() => this.push(new Uint8Array(0)));
  }

  #over(): boolean {
    if (this.#connection.phase === "closed") return true;
    if (this.#bytes.length <= MAX_PREAMBLE) return false;
    this.#connection.finish("protocol-refused", "more than a preamble can be");
    return true;
  }

  /** True when the header is read and the rest may be. */
  #readHeader(): boolean {
    const header = readProxyHeader(this.#bytes);
    switch (header.state) {
      case "more":
        return false;
      case "bad":
        this.#connection.finish("proxy-header-refused", header.why);
        return false;
      case "done":
        this.#awaitsHeader = false;
        this.#bytes = this.#bytes.subarray(header.length);
        if (header.source) {
          this.#connection.sourceAddress = header.source.address;
          this.#connection.sourcePort = header.source.port;
        }
        return true;
    }
  }
}
