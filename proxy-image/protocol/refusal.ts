import type { ProxyProtocolName } from "../../policy/compile/proxy/config.ts";
import type { CloseReason } from "../close-reason.ts";
import { limitWords } from "./limit-words.ts";
import { writeError, writePacket } from "./mysql-packets.ts";

/**
 * What an identified client that is not let through is told in its own protocol, so that a person at psql reads a
 * sentence instead of "server closed the connection unexpectedly". Undefined where the protocol has no way to say it.
 * It names the service and the connection, and of the policy only a bound that the client itself has reached.
 *
 * @param error what the record has in `error`
 */
export function refusalMessage(
  protocol: ProxyProtocolName,
  reason: CloseReason,
  service: string,
  connection: string,
  mysqlSequence = 0,
  error?: string,
): Uint8Array | undefined {
  const text = `portreeve: ${sentence(reason, service, error)} (connection ${connection})`;
  switch (protocol) {
    case "postgres":
      return postgresError(sqlState(reason), text);
    case "mysql":
      // In the place of the greeting, or of the answer to the login: a client understands an error in either.
      return writePacket(
        mysqlSequence,
        writeError(reason === "denied" ? 1045 : 1040, sqlState(reason), text),
      );
    case "redis":
      return Buffer.from(`-${reason === "denied" ? "NOPERM" : "ERR"} ${text}\r\n`);
    case "nats":
      return Buffer.from(`-ERR '${text.replaceAll("'", "")}'\r\n`);
    case "tcp":
    case "tls":
    case "mongo":
    case "kafka":
    case "grpc":
    case "mqtt":
    case "amqp":
    case "smtp":
    case "ldap":
    case "ssh":
      return undefined;
  }
}

/** The same as an HTTP status, for a client that came by CONNECT. */
export function refusalStatus(reason: CloseReason): number {
  switch (reason) {
    case "denied":
    case "access-lost":
    case "credential-expired":
    case "revoked":
      return 403;
    case "limit":
    case "queue-timeout":
      return 429;
    case "connect-timeout":
      return 504;
    case "connect-failed":
      return 502;
    default:
      return 503;
  }
}

/** The same for a client by HBONE: the two that ztunnel itself answers with, so that its own log and metrics say the same. */
export function tunnelStatus(reason: CloseReason): number {
  return refusalStatus(reason) === 403 ? 401 : 503;
}

/** @param error what the record has in `error`; of no other refusal than that of a bound is any of it told */
export function sentence(reason: CloseReason, service: string, error?: string): string {
  switch (reason) {
    case "denied":
    case "access-lost":
    case "credential-expired":
    case "revoked":
      return `access to ${service} is denied`;
    case "limit": {
      const reached = error === undefined ? undefined : limitWords(error);
      return `too many connections to ${service}${reached === undefined ? "" : `: ${reached}`}`;
    }
    case "queue-timeout":
      return `too many connections to ${service}: none of its places became free in time`;
    case "connect-failed":
    case "connect-timeout":
      return `${service} cannot be reached`;
    case "credential-unavailable":
      return `there is no credential for ${service}`;
    case "audit-unavailable":
      return `${service} takes no connections that cannot be recorded`;
    default:
      return `the connection to ${service} was ended: ${reason}`;
  }
}

function sqlState(reason: CloseReason): string {
  switch (reason) {
    case "denied":
    case "access-lost":
    case "credential-expired":
    case "revoked":
      return "28000";
    case "limit":
    case "queue-timeout":
      return "53300";
    case "connect-failed":
    case "connect-timeout":
      return "08001";
    default:
      return "57P03";
  }
}

/** ErrorResponse: fields S, V, C and M. */
function postgresError(state: string, text: string): Uint8Array {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${state}\0M${text}\0\0`);
  const message = Buffer.alloc(5 + fields.length);
  message.write("E", 0);
  message.writeUInt32BE(4 + fields.length, 1);
  fields.copy(message, 5);
  return message;
}
