import type { Connection } from "../connection.ts";

/** Gives the client an answer of the proxy's own, however slowly it reads, and ends the connection then. */
export function answerAndClose(connection: Connection, bytes: Uint8Array): void {
  connection.answering = true;
  connection.toClient.sink = connection.client;
  connection.toClient.push(bytes);
  endIfAnswered(connection);
}

/** The client has taken something. Until it has all, the handshake's deadline runs. */
export function endIfAnswered(connection: Connection): void {
  if (connection.answering && connection.toClient.heldBytes === 0) connection.finish("answered");
}
