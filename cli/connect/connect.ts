import { EXIT } from "../exit.ts";
import { Authorizer } from "../people/authorization.ts";
import { chooseContext } from "../people/contexts.ts";
import { runClient, untilEnded } from "../people/local/command.ts";
import { endpointText, socketFor, type Wanted } from "../people/local/endpoint.ts";
import { clientVariables, fillIn } from "../people/local/environment.ts";
import { type Local, listenLocally } from "../people/local/listener.ts";
import { findTarget, parseAsked, type Target } from "../people/proxy/target.ts";

export interface ConnectOptions {
  readonly context?: string;
  readonly port?: number;
  /** `true`: in a folder of its own. */
  readonly socket?: string | true;
  readonly format: "text" | "json";
}

const MAX_CONNECTIONS = 256;

/**
 * Opens a local port or socket to a service, for a command or until Ctrl-C.
 *
 * @returns the command's exit code
 */
export async function connectTo(
  asked: string,
  command: readonly string[],
  options: ConnectOptions,
): Promise<number> {
  const wantedTarget = parseAsked(asked);
  const authorizer = new Authorizer(chooseContext(options.context));
  const target = await findTarget(authorizer, wantedTarget);
  const local = await listenLocally({
    authorizer,
    target: `${target.service}:${target.port}`,
    wanted: wantedEndpoint(options, target),
    maxConnections: MAX_CONNECTIONS,
    onRefused: refusalTeller(),
  });
  try {
    if (command.length > 0) {
      const variables = clientVariables(target.protocol, local.endpoint, target.port);
      return await runClient(fillIn(command, local.endpoint), variables);
    }
    const ended = untilEnded();
    process.stdout.write(describe(target, local, options.format));
    if (local.endpoint.type === "port") {
      tell("Other users of this machine can use a loopback port too, as you. --socket keeps them out.");
    }
    await ended;
    return EXIT.ok;
  } finally {
    await local.close();
  }
}

function wantedEndpoint({ port, socket }: ConnectOptions, target: Target): Wanted {
  if (socket === undefined) return { type: "port", port: port ?? 0 };
  return socketFor(socket === true ? undefined : socket, target.service, target.port, target.protocol);
}

function describe(
  { service, port, protocol, until }: Target,
  { endpoint }: Local,
  format: "text" | "json",
): string {
  if (format === "json") {
    const where =
      endpoint.type === "port"
        ? { host: endpoint.host, localPort: endpoint.port }
        : { socket: endpoint.path };
    return `${JSON.stringify({ service, port, protocol, ...where, until: until ?? null })}\n`;
  }
  const end = until === undefined ? "" : `, until ${until}`;
  return `${service}:${port} is at ${endpointText(endpoint)}${end}. Ctrl-C ends it.\n`;
}

/** Tells of each refused connection; the advice of one that is like the last is not told again. */
function refusalTeller(): (error: Error) => void {
  let last: string | undefined;
  return ({ message }) => {
    tell(`connect: ${message === last ? (message.split("\n", 1)[0] ?? "") : message}`);
    last = message;
  };
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
