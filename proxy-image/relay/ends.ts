import type { Connection } from "../connection.ts";
import { NEVER } from "./bounds.ts";

/*
 * How a relayed connection comes to its end: each side says on its own that it is done (`ended`), and goes (`closed`).
 * What the other side still has to send is delivered first.
 */

/** The client will send no more. */
export function clientEnded(connection: Connection): void {
  const { phase, toService, toClient } = connection;
  if (phase === "closed") return;
  connection.firstEnded ??= "client-closed";
  if (connection.middle) {
    connection.finish("client-closed", "in the middle of the login");
    return;
  }
  // Both sides are done and nothing is held: closing says so too, and is one system call instead of two.
  if (phase === "relay" && toClient.finished && toService.heldBytes === 0) {
    connection.finish(connection.firstEnded);
    return;
  }
  toService.end();
  if (phase === "relay") {
    settle(connection);
    return;
  }
  // A client that leaves before it is connected is gone, unless it has sent a request and half-closed.
  if (connection.head ? !connection.head.holdsRequest : phase === "identify" || toService.heldBytes === 0) {
    connection.finish("client-closed");
  }
}

/** The client's socket is gone. */
export function clientClosed(connection: Connection, error: string | undefined): void {
  connection.clientGone = true;
  const { phase, toService, toClient } = connection;
  if (phase === "closed") {
    connection.forgetIfGone();
    return;
  }
  if (phase === "identify") {
    connection.finish("handshake-failed", connection.error ?? error ?? "closed");
    return;
  }
  if (error !== undefined) {
    connection.finish("client-reset", error);
    return;
  }
  connection.firstEnded ??= "client-closed";
  toClient.discard();
  // Nothing is held for the other side: closing it says so too.
  if (phase !== "relay" || toService.heldBytes === 0) {
    connection.finish(connection.firstEnded);
    return;
  }
  toService.end();
  halfClosed(connection);
}

/** The endpoint will send no more. */
export function upstreamEnded(connection: Connection): void {
  if (connection.phase !== "relay") return;
  const { toService, toClient } = connection;
  connection.firstEnded ??= "upstream-closed";
  if (connection.middle) {
    connection.finish("upstream-closed", "in the middle of the login");
    return;
  }
  if (toService.finished && toClient.heldBytes === 0 && !connection.clientGone) {
    connection.finish(connection.firstEnded);
    return;
  }
  toClient.end();
  settle(connection);
}

/** The endpoint's socket is gone. */
export function upstreamClosed(connection: Connection, error: string | undefined): void {
  connection.upstreamGone = true;
  if (connection.phase === "closed") {
    connection.forgetIfGone();
    return;
  }
  if (error !== undefined) {
    connection.finish("upstream-reset", error);
    return;
  }
  connection.firstEnded ??= "upstream-closed";
  connection.toService.discard();
  if (connection.toClient.heldBytes === 0) {
    connection.finish(connection.firstEnded);
    return;
  }
  connection.toClient.end();
  halfClosed(connection);
}

/** Ends the connection when both directions are done, or starts the clock when one is. */
export function settle(connection: Connection): void {
  const reason = connection.firstEnded;
  if (connection.phase !== "relay" || reason === undefined) return;
  const serviceDone = connection.toService.finished || connection.upstreamGone;
  const clientDone = connection.toClient.finished || connection.clientGone;
  if (serviceDone && clientDone) connection.finish(reason);
  else halfClosed(connection);
}

function halfClosed(connection: Connection): void {
  const { bounds, state } = connection;
  if (bounds.halfClosedAt !== NEVER) return;
  bounds.halfClosedAt = state.deadlines.now;
  state.deadlines.set(connection, connection.due(bounds.halfClosedAt));
}
