import type { Connection } from "../connection.ts";
import type { StreamEvents } from "../runtime/stream.ts";
import { checkBytes } from "./due.ts";
import { settle, upstreamClosed, upstreamEnded } from "./ends.ts";

/** Gives the endpoint's events to the connection. */
export class UpstreamSide implements StreamEvents {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  pass(borrowed: Uint8Array): number {
    const connection = this.#connection;
    if (connection.phase !== "relay" || connection.middle || connection.clientGone) return 0;
    this.#moved();
    const taken = connection.toClient.pass(borrowed);
    checkBytes(connection);
    return taken;
  }

  data(data: Uint8Array): void {
    const connection = this.#connection;
    if (connection.phase !== "relay") return;
    this.#moved();
    if (connection.middle) {
      connection.middle.fromServer(data);
      return;
    }
    if (!connection.clientGone) connection.toClient.push(data);
    checkBytes(connection);
  }

  drain(): void {
    this.#connection.toService.flush();
    settle(this.#connection);
  }

  ended(): void {
    upstreamEnded(this.#connection);
  }

  closed(error: string | undefined): void {
    upstreamClosed(this.#connection, error);
  }

  threw(error: Error): void {
    this.#connection.finish("internal-error", error.message);
  }

  #moved(): void {
    const connection = this.#connection;
    connection.bounds.lastActive = connection.state.deadlines.now;
    if (connection.firstByteAt === 0) connection.firstByteAt = performance.now();
  }
}
