import type { Connection } from "./connection.ts";

/**
 * Writes a connection's record: `close` once, whichever way it ended; `update` for one that lives long.
 *
 * Keys are those of ztunnel's access log where it has one (`src.identity`, `dst.service`, `bytes_sent`, …), so that
 * what operators search for is found here too. `bytes_sent` is what the client got, `bytes_recv` what it sent.
 */
export function writeRecord(connection: Connection, event: "close" | "update"): void {
  if (connection.service?.config.audit === "none") return;
  connection.state.audit.write(`${lineOf(connection, event)}\n`);
}

function lineOf(connection: Connection, event: "close" | "update"): string {
  try {
    return JSON.stringify(recordOf(connection, event));
  } catch (cause) {
    // Whatever is wrong with it: the connection was there, and whoever ends many must not stop at this one.
    const error = `its record could not be made: ${cause instanceof Error ? cause.message : String(cause)}`;
    const time = new Date().toISOString();
    return JSON.stringify({ time, event, connection: connection.id, close: connection.closeReason, error });
  }
}

function recordOf(connection: Connection, event: "close" | "update"): Readonly<Record<string, unknown>> {
  const { config } = connection.state.generation;
  const now = performance.now();
  const { transport, verdict, principal, service, credential } = connection;
  const spiffe = transport?.workload?.spiffe;
  const agentSpec = principal.agent;
  const position = verdict?.position;
  return {
    time: new Date(connection.acceptedAt + (now - connection.startedAt)).toISOString(),
    event,
    connection: connection.id,
    proxy: config.proxy.name,
    listener: connection.listener.name,
    direction: "inbound",
    "src.addr": `${connection.sourceAddress}:${connection.sourcePort}`,
    "src.peer": connection.peerAddress === connection.sourceAddress ? undefined : connection.peerAddress,
    "src.identity": spiffe?.id,
    "src.namespace": spiffe?.namespace,
    "src.workload": spiffe?.serviceAccount,
    "src.user": principal.person?.user,
    "src.groups": groupsOf(connection),
    "src.role": principal.person?.awsRole,
    "src.role_session": credential?.session,
    "src.agent": agentSpec,
    "dst.addr": connection.upstreamAddress,
    "dst.service": service?.config.name,
    "dst.hbone_addr": transport?.hboneAddress,
    "dst.port": service ? connection.servicePort : undefined,
    "dst.owner": service?.config.owner,
    protocol: service?.port(connection.servicePort)?.protocol,
    verdict: verdict?.verdict ?? (connection.answering ? "none" : "deny"),
    reason: verdict?.reason ?? unjudged(connection),
    rule: verdict?.rule ?? undefined,
    rules: verdict && verdict.rules.length > 1 ? verdict.rules : undefined,
    position: position ? `${position.file}:${position.line}:${position.col}` : undefined,
    policy: config.policy.digest,
    commit: config.policy.commit,
    "credential.issuer": credential?.issuer,
    "credential.expires": credential && new Date(credential.expires).toISOString(),
    "tls.version": transport?.tlsVersion,
    "tls.resumed": transport?.resumed === true ? true : undefined,
    sni: transport?.sni,
    ...connection.notes,
    bytes_sent: connection.toClient.bytes,
    bytes_recv: connection.toService.bytes,
    duration: `${Math.round(now - connection.startedAt)}ms`,
    "time.handshake_ms": elapsed(connection.startedAt, connection.identifiedAt),
    "time.queue_ms": elapsed(connection.identifiedAt, connection.admittedAt),
    "time.dial_ms": elapsed(connection.admittedAt, connection.connectedAt),
    "time.first_byte_ms": elapsed(connection.connectedAt, connection.firstByteAt),
    close: connection.closeReason,
    error: connection.error,
  };
}

/** Groups listed in a record when the rule does not say which of them counted. */
const MAX_GROUPS = 20;

/** The groups by which the verdict fell, or all where they are few: a person can be in hundreds. */
function groupsOf({ principal, rules }: Connection): readonly string[] | undefined {
  const groups = principal.person?.groups;
  if (!groups || groups.length === 0) return undefined;
  if (groups.length <= MAX_GROUPS) return groups;
  const counted = new Set(rules.flatMap(({ subjects }) => subjects.idpGroups));
  return groups.filter((group) => counted.has(group));
}

/** Why there is no verdict. */
function unjudged({ closeReason, answering }: Connection): string {
  if (answering) return "access-question";
  return closeReason === "revoked" ? "revoked" : "unidentified";
}

/** Milliseconds with three decimals; undefined for a stage that was not reached. */
function elapsed(from: number, to: number): number | undefined {
  return from === 0 || to === 0 ? undefined : Math.round((to - from) * 1_000) / 1_000;
}
