import type { Connection } from "../connection.ts";
import type { LiveConnection } from "./control.ts";

/** A connection as operators see it. */
export function liveConnection(connection: Connection): LiveConnection {
  return {
    id: connection.id,
    since: new Date(connection.acceptedAt).toISOString(),
    phase: connection.phase,
    listener: connection.listener.name,
    source: `${connection.sourceAddress}:${connection.sourcePort}`,
    principal: connection.principal,
    service: connection.service?.config.name,
    port: connection.servicePort,
    upstream: connection.upstreamAddress,
    rule: connection.verdict?.rule ?? null,
    bytesSent: connection.toClient.bytes,
    bytesReceived: connection.toService.bytes,
  };
}
