import { nearest } from "../../../policy/load/suggest.ts";
import { CliError, EXIT } from "../../exit.ts";
import type { Authorizer } from "../authorization.ts";
import { askAccess, listAccess } from "./access.ts";
import type { AccessAnswer } from "./answers.ts";
import { adviceLines, ProxyRefusal, printable } from "./refusal.ts";
import { openTunnel } from "./request.ts";

/** A service as somebody names it. */
export interface Asked {
  readonly service: string;
  readonly port: number | undefined;
}

/** A port that may be reached, and how. */
export interface Target {
  readonly service: string;
  readonly port: number;
  readonly protocol: string;
  /** RFC 3339; absent when it has no end. */
  readonly until: string | undefined;
}

/** Reads `SERVICE` or `SERVICE:PORT`. @throws CliError when it is neither */
export function parseAsked(text: string): Asked {
  const match = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (!match?.[1] || port === 0 || (port ?? 0) > 65_535) {
    throw new CliError(`"${text}": write SERVICE or SERVICE:PORT, e.g. orders-db:5432`);
  }
  return { service: match[1], port };
}

/**
 * The port that is meant, after asking the proxy whether it may be reached: so a refusal is told before a client runs
 * into a closed connection.
 *
 * @throws CliError with exit code 1 when it may not, with what is missing
 */
export async function findTarget(authorizer: Authorizer, { service, port }: Asked): Promise<Target> {
  const { services } = await listAccess(authorizer);
  const listed = services.find((one) => one.service === service);
  if (port === undefined && listed && listed.ports.length > 1) {
    const ports = listed.ports.map((one) => `${service}:${one.port}`).join(", ");
    throw new CliError(`${service} has several ports; name one: ${ports}`);
  }
  const found = port === undefined ? listed?.ports[0] : listed?.ports.find((one) => one.port === port);
  if (listed && found) {
    return { service, ...found, until: listed.until ?? undefined };
  }
  if (port === undefined) throw new CliError(unlisted(service, services), EXIT.found);
  const connection = await recordedAttempt(authorizer, `${service}:${port}`);
  const answer = await askAccess(authorizer, service, port);
  // It was granted between the two questions.
  if (answer.verdict === "allow") return { service, port, protocol: "tcp", until: answer.until ?? undefined };
  throw refusalOf(
    service,
    port,
    answer,
    connection,
    listed?.ports.map((one) => `${service}:${one.port}`),
  );
}

/**
 * A proxy says of a service that somebody may not reach as little as of one that is not there. So a name that is nearly one
 * of those that may be reached is most likely a slip, and else the reason is had with a port.
 */
export function unlisted(service: string, listed: readonly { readonly service: string }[]): string {
  const meant = nearest(
    service,
    listed.map((one) => one.service),
  );
  return [
    `refused: no port of ${service} may be reached by you now. With the port (${service}:PORT) the proxy says why.`,
    ...(meant === undefined ? [] : [`  you may reach: ${meant}`]),
    ...adviceLines(undefined, undefined, service),
  ].join("\n");
}

/**
 * Tries what is going to be refused: a question leaves no record, and an auditor asks who was turned away.
 *
 * @returns the id that the record has; undefined where the proxy names none
 */
async function recordedAttempt(authorizer: Authorizer, target: string): Promise<string | undefined> {
  try {
    const { stream } = await openTunnel(authorizer, target);
    stream.destroy();
    return undefined;
  } catch (error) {
    if (error instanceof ProxyRefusal && error.status === 403) return error.body?.connection ?? undefined;
    throw error;
  }
}

function refusalOf(
  service: string,
  port: number,
  answer: AccessAnswer,
  connection: string | undefined,
  others: readonly string[] | undefined,
): CliError {
  const reason = answer.reason === undefined ? "" : ` (${printable(answer.reason)})`;
  return new CliError(
    [
      `refused: you may not reach ${service}:${port} now${reason}`,
      ...(others === undefined ? [] : [`  you may reach: ${others.join(", ")}`]),
      ...adviceLines(answer.missing, answer.owner, `${service}:${port}`, answer.howToAsk),
      ...(connection === undefined ? [] : [`  recorded as: connection ${printable(connection)}`]),
    ].join("\n"),
    EXIT.found,
  );
}
