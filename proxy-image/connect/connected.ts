import { ESTABLISHED } from "../accept/http-answer.ts";
import { withoutClientLogin } from "../broker/without-client-login.ts";
import type { Connection } from "../connection.ts";
import { NEVER } from "../relay/bounds.ts";
import { settle } from "../relay/ends.ts";
import { UpstreamSide } from "../relay/upstream-side.ts";
import type { Stream, StreamEvents } from "../runtime/stream.ts";
import type { LaterTls } from "./later-tls.ts";
import { middleFor } from "./middle.ts";

/** Keepalive is switched on once a connection has lived this long: for a short one it would be system calls for nothing. */
const KEEPALIVE_AFTER_MS = 5_000;

/** The endpoint is connected and verified: begins to relay, or the login that comes before. */
export function beginRelay(
  connection: Connection,
  upstream: Stream,
  address: string,
  later: LaterTls | undefined,
): StreamEvents {
  const { deadlines, generation } = connection.state;
  connection.connecting = undefined;
  connection.upstream = upstream;
  connection.upstreamGone = false;
  connection.phase = "relay";
  connection.upstreamAddress = address;
  connection.connectedAt = performance.now();
  const { now } = deadlines;
  connection.bounds.lastActive = now;
  const { updateInterval } = generation.config.audit;
  connection.nextUpdate = updateInterval > 0 ? now + updateInterval : NEVER;
  connection.keepAliveAt = now + KEEPALIVE_AFTER_MS;
  if (connection.overHttp) connection.client.write(ESTABLISHED);
  connection.tunnel?.accept();
  connection.toClient.source = upstream;
  const middle = middleFor(connection, later);
  if (middle) {
    connection.middle = middle;
    connection.bounds.loginUntil = now + generation.config.limits.handshakeTimeout;
    if (later) middle.fromServer(later.greeting);
    // Whoever is in the middle may be done, or have ended the connection, after any of these.
    for (const bytes of connection.toService.takeHeld()) {
      if (connection.middle) connection.middle.fromClient(bytes);
      else connection.toService.push(bytes);
    }
  } else joinDirections(connection, upstream);
  // A client that has sent all and half-closed before there was anybody to send it to.
  settle(connection);
  if (stillRelays(connection)) deadlines.set(connection, connection.due(now));
  return new UpstreamSide(connection);
}

/** The login is over: bytes pass as they are from here on, these first. */
export function endLogin(connection: Connection, fromClient: Uint8Array, fromServer: Uint8Array): void {
  const { user, database, askedUser, application } = connection.middle?.names ?? {};
  connection.notes = {
    ...connection.notes,
    ...(user && { "db.user": user }),
    ...(database && { "db.name": database }),
    ...(askedUser && { "db.asked_user": askedUser }),
    ...(application && { "db.application": application }),
  };
  connection.middle = undefined;
  connection.bounds.loginUntil = NEVER;
  if (connection.upstream) joinDirections(connection, connection.upstream);
  const { clientLogin } = connection;
  const toService = clientLogin ? withoutClientLogin(connection, clientLogin, fromClient) : fromClient;
  if (toService.length > 0) connection.toService.push(toService);
  if (fromServer.length > 0) connection.toClient.push(fromServer);
}

function joinDirections(connection: Connection, upstream: Stream): void {
  connection.toClient.sink = connection.client;
  connection.toService.sink = upstream;
}

function stillRelays({ phase }: Connection): boolean {
  return phase === "relay";
}
