import { CliError, EXIT } from "../../exit.ts";
import { type Missing, type RefusalBody, refusalBody } from "./answers.ts";

/** The proxy said no. 403 is a verdict about access; everything else means that there was none. */
export class ProxyRefusal extends CliError {
  readonly status: number;
  readonly body: RefusalBody | undefined;

  constructor(status: number, body: RefusalBody | undefined, message: string) {
    super(message, status === 403 ? EXIT.found : EXIT.failed);
    this.name = "ProxyRefusal";
    this.status = status;
    this.body = body;
  }
}

/**
 * A refusal as its reader needs it: what is missing, whose the service is, how to ask.
 *
 * @param challenge value of `Proxy-Authenticate`
 */
export function refusalFrom(
  status: number,
  text: string,
  challenge: string | undefined,
  contextName: string,
): ProxyRefusal {
  const body = bodyOf(text);
  const said = printable(body?.message ?? challengeText(challenge) ?? firstLine(text)) || `HTTP ${status}`;
  const head = `refused by the proxy: ${said}`;
  switch (status) {
    case 403:
      return new ProxyRefusal(
        status,
        body,
        [head, ...adviceLines(body?.missing, body?.owner, body?.service)].join("\n"),
      );
    case 407:
      return new ProxyRefusal(
        status,
        body,
        `the proxy does not accept your credential: ${said}\nRun: portreeve login --context ${contextName}`,
      );
    default:
      return new ProxyRefusal(status, body, head);
  }
}

/** What would be needed, who decides, and how to ask; a line each. */
export function adviceLines(
  missing: Missing | null | undefined,
  owner: string | null | undefined,
  service: string | null | undefined,
  howToAsk?: string | null,
): string[] {
  const needed = missing
    ? [
        ...named("group", missing.groups),
        ...named("user", missing.users),
        ...named("AWS role", missing.awsRoles),
        ...named("workload", missing.workloads),
        ...named("agent", missing.agents),
      ]
    : [];
  return [
    ...(needed.length > 0 ? [`  missing: ${needed.join("; or ")}`] : []),
    ...(owner ? [`  owner: ${printable(owner)}`] : []),
    ...(howToAsk
      ? [`  how to ask: ${printable(howToAsk)}`]
      : service
        ? [`  how to ask: portreeve request ${printable(service)} --for 1h --reason "…"`]
        : []),
  ];
}

function named(what: string, names: readonly string[] | undefined): string[] {
  if (!names || names.length === 0) return [];
  return [`${what} ${names.map(printable).join(" or ")}`];
}

function bodyOf(text: string): RefusalBody | undefined {
  try {
    return refusalBody.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function challengeText(challenge: string | undefined): string | undefined {
  return challenge === undefined ? undefined : /error_description="([^"]*)"/.exec(challenge)?.[1];
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** Text of others for a terminal: without control characters, which could move the cursor, and not longer than a line or two. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, " ").slice(0, 300);
}
