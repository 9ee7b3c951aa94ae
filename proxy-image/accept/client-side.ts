import type { Connection } from "../connection.ts";
import type { StreamEvents } from "../runtime/stream.ts";

/** Gives the events of a client's stream to its connection; whoever has more to tell, or tells something else first, extends it. */
export class ClientSide implements StreamEvents {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  pass(borrowed: Uint8Array): number {
    return this.connection.pass(borrowed);
  }

  data(data: Uint8Array): void {
    this.connection.data(data);
  }

  drain(): void {
    this.connection.drain();
  }

  ended(): void {
    this.connection.ended();
  }

  closed(error: string | undefined): void {
    this.connection.closed(error);
  }

  threw(error: Error): void {
    this.connection.threw(error);
  }
}
