import { connect as connectHttp2, constants } from "node:http2";
import { isIPv6 } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { DialOutcome, Target } from "../connect/dial.ts";
import { Outlet } from "./outlet.ts";
import { TunnelStream } from "./tunnel-stream.ts";

/**
 * One attempt to reach one endpoint behind ztunnel: its addresses one after the other, each by a TLS connection of its own
 * that carries this one stream. Shared connections would save handshakes, and one that broke would break all that it
 * carries.
 */
export class TunnelDial {
  readonly target: Target;
  readonly #port: number;
  readonly #outcome: DialOutcome;
  /** Pods are chosen at random: a cluster IP, which would spread connections, has no port for HBONE. */
  readonly #first = Math.floor(Math.random() * 1_000);
  #tried = 0;
  #lastError = "no address";
  #over = false;
  #abandon: () => void = () => {};

  /** @param port where the addresses take HBONE */
  constructor(target: Target, port: number, outcome: DialOutcome) {
    this.target = target;
    this.#port = port;
    this.#outcome = outcome;
  }

  start(): void {
    const { addresses } = this.target;
    const address = addresses[(this.#first + this.#tried) % addresses.length];
    if (address === undefined || this.#tried >= addresses.length) {
      this.#over = true;
      this.#outcome.failed(this.#lastError);
      return;
    }
    this.#tried += 1;
    this.#try(address);
  }

  /** Gives up; whatever still connects is closed at once. */
  cancel(): void {
    this.#over = true;
    this.#abandon();
  }

  #try(address: string): void {
    const { tls, host } = this.target;
    const { cert, key, ca } = tls.options(host);
    const socket = connectTls({
      host: address,
      port: this.#port,
      ...(ca && { ca: [...ca] }),
      ...(cert !== undefined && key !== undefined && { cert, key }),
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.3",
      // Judged below, by the SPIFFE ID.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    let ended = false;
    const fail = (error: string): void => {
      if (ended) return;
      ended = true;
      socket.destroy();
      this.#lastError = error;
      if (!this.#over) this.start();
    };
    this.#abandon = () => {
      ended = true;
      socket.destroy();
    };
    socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.on("close", () => fail("the endpoint closed during the TLS handshake"));
    socket.once("secureConnect", () => {
      if (ended) return;
      const refusal =
        tls.hboneRefusal(socket, Date.now()) ??
        (socket.alpnProtocol === "h2" ? undefined : "it speaks no HTTP/2");
      if (refusal !== undefined) {
        fail(`HBONE to the endpoint: ${refusal}`);
        return;
      }
      this.#ask(socket, address, fail, () => {
        ended = true;
      });
    });
  }

  /** Sends the CONNECT, and hands the stream on when it is granted. */
  #ask(socket: TLSSocket, address: string, fail: (error: string) => void, granted: () => void): void {
    const session = connectHttp2("http://hbone", { createConnection: () => socket });
    const stream = session.request(
      {
        [constants.HTTP2_HEADER_METHOD]: "CONNECT",
        [constants.HTTP2_HEADER_AUTHORITY]: `${isIPv6(address) ? `[${address}]` : address}:${this.target.port}`,
      },
      { endStream: false },
    );
    session.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    stream.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    stream.once("close", () => {
      fail("the endpoint ended the tunnel before it answered");
      session.close();
    });
    stream.once("response", (headers) => {
      const status = Number(headers[constants.HTTP2_HEADER_STATUS]);
      if (this.#over || status !== 200) {
        fail(`the endpoint refuses the tunnel: HTTP ${status}`);
        return;
      }
      granted();
      this.#over = true;
      const tunnel = new TunnelStream(stream, new Outlet(session));
      // Before anything of the client's.
      const header = this.target.preface?.(address);
      if (header) tunnel.write(header);
      tunnel.attach(this.#outcome.connected(tunnel, address, undefined));
    });
  }
}
