import type { Connection } from "../connection.ts";
import { writeRecord } from "../record.ts";
import { NEVER } from "./bounds.ts";

/** Looks at a connection whose moment may have come. Returns the next moment, or `Infinity`. */
export function dueAt(connection: Connection, now: number): number {
  const { deadline } = connection;
  switch (connection.phase) {
    case "identify":
      if (now >= deadline && !connection.state.credentialWaits.expire(connection)) {
        connection.finish("handshake-timeout");
      }
      return deadline;
    case "queue":
      if (now >= deadline) connection.finish("queue-timeout");
      return deadline;
    case "connect":
      if (now >= deadline) connection.finish("connect-timeout", connection.connecting?.lastError);
      return deadline;
    case "relay":
      return dueInRelay(connection, now);
    case "closed":
      if (now < deadline) return deadline;
      if (!connection.clientGone) connection.client.terminate();
      if (!connection.upstreamGone) connection.upstream?.terminate();
      return NEVER;
  }
}

function dueInRelay(connection: Connection, now: number): number {
  const service = connection.service?.config;
  if (!service) return NEVER;
  const reason = connection.bounds.reached(now, service);
  if (reason !== undefined) {
    connection.finish(reason);
    // Its peers still have to close too.
    return connection.clientGone && connection.upstreamGone ? NEVER : connection.deadline;
  }
  if (now >= connection.nextUpdate) {
    connection.nextUpdate = now + connection.state.generation.config.audit.updateInterval;
    writeRecord(connection, "update");
  }
  if (now >= connection.keepAliveAt) {
    connection.keepAliveAt = NEVER;
    if (service.keepalive > 0) {
      connection.upstream?.setKeepAlive(true, service.keepalive);
      connection.client.setKeepAlive(true, service.keepalive);
    }
  }
  return Math.min(connection.bounds.next(now, service), connection.nextUpdate, connection.keepAliveAt);
}

/** Ends a connection that has moved all the bytes that it may. */
export function checkBytes(connection: Connection): void {
  const { maxBytes } = connection.bounds;
  if (maxBytes === NEVER) return;
  if (connection.toService.bytes + connection.toClient.bytes > maxBytes) connection.finish("byte-limit");
}
