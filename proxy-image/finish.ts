import { askForCredential, isNobody } from "./accept/connect-stage.ts";
import { refusalAnswer } from "./accept/http-answer.ts";
import type { CloseReason } from "./close-reason.ts";
import { leavePlace } from "./connect/places.ts";
import type { Connection } from "./connection.ts";
import { explain } from "./credentials/access-answer.ts";
import { refusalMessage, refusalStatus, sentence, tunnelStatus } from "./protocol/refusal.ts";
import { writeRecord } from "./record.ts";

/** How long a closed connection's peer may take to close too, before it is reset. */
const LINGER_MS = 2_000;

/** Ends a connection, once; every later call is of no effect. */
export function finish(connection: Connection, reason: CloseReason, error: string | undefined): void {
  const { phase, state } = connection;
  if (phase === "closed") return;
  connection.phase = "closed";
  connection.closeReason = reason;
  connection.error = error;
  state.live.delete(connection);
  if (phase === "identify" && !state.credentialWaits.leave(connection)) state.handshakes -= 1;
  connection.connecting?.cancel();
  connection.connecting = undefined;
  // Who has left of its own accord, its socket half open, is refused nothing.
  const waits = (phase === "queue" || phase === "connect") && reason !== "client-closed";
  if (waits && !connection.clientGone) tellRefusal(connection, reason);
  leavePlace(connection);
  closeStreams(connection, reason);
  state.metrics.closed(connection);
  writeRecord(connection, "close");
}

function closeStreams(connection: Connection, reason: CloseReason): void {
  const { client, upstream, state } = connection;
  const reset = reason === "client-reset" || reason === "upstream-reset";
  if (!connection.clientGone) {
    if (reset) client.terminate();
    else client.end();
  }
  if (upstream && !connection.upstreamGone) {
    if (reset) upstream.terminate();
    else upstream.end();
  }
  if (connection.clientGone && connection.upstreamGone) state.deadlines.remove(connection);
  else {
    connection.deadline = state.deadlines.now + LINGER_MS;
    state.deadlines.set(connection, connection.deadline);
  }
}

/** Says why, in the client's own protocol, to one who has proved who it is. */
function tellRefusal(connection: Connection, reason: CloseReason): void {
  if (connection.tunnel) {
    connection.tunnel.refuse(tunnelStatus(reason));
    return;
  }
  const name = connection.service?.config.name ?? "";
  const protocol = connection.service?.port(connection.servicePort)?.protocol ?? "tcp";
  const message = connection.overHttp
    ? httpRefusal(connection, reason, name)
    : refusalMessage(
        protocol,
        reason,
        name,
        connection.id,
        connection.mysqlGreeted ? 3 : 0,
        connection.error,
      );
  if (message) connection.client.write(message);
}

function httpRefusal(connection: Connection, reason: CloseReason, service: string): Uint8Array {
  const { principal, servicePort, verdict } = connection;
  if (reason === "denied" && isNobody(connection, principal)) return askForCredential(connection);
  const status = refusalStatus(reason);
  const message = sentence(reason, service, connection.error);
  if (status !== 403) {
    const error = status === 429 ? "limit" : "unavailable";
    return refusalAnswer(connection, status, { error, message, service });
  }
  const explained = verdict && explain(connection, principal, service, servicePort, verdict);
  const { missing, owner } = explained ?? {};
  return refusalAnswer(connection, status, { error: "access_denied", message, service, owner, missing });
}
