import { CliError } from "../exit.ts";
import { Authorizer } from "../people/authorization.ts";
import { type Context, chooseContext } from "../people/contexts.ts";
import { needPackage } from "../people/package.ts";
import { version } from "../version.ts";
import { type Bounds, Openings } from "./openings.ts";
import { addTools } from "./tools.ts";

const SDK = "@modelcontextprotocol/sdk";

/**
 * Serves the Model Context Protocol on stdin and stdout until the client goes. Only the protocol is ever written to
 * stdout.
 *
 * @throws CliError when the SDK is not installed, or there is no such context
 */
export async function serveMcp(contextName: string | undefined, bounds: Bounds): Promise<void> {
  const authorizer = new Authorizer(contextOfAgent(contextName));
  const [{ McpServer }, { StdioServerTransport }] = await needPackage(SDK, "portreeve mcp", () =>
    Promise.all([
      import("@modelcontextprotocol/sdk/server/mcp.js"),
      import("@modelcontextprotocol/sdk/server/stdio.js"),
    ]),
  );
  const openings = new Openings(authorizer, bounds);
  const server = new McpServer(
    { name: "portreeve", title: "Portreeve", version: version() },
    { instructions: instructions(bounds) },
  );
  addTools(server, authorizer, openings, bounds);
  const ended = new Promise<void>((done) => {
    server.server.onclose = done;
    process.stdin.once("end", done);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => done());
  });
  await server.connect(new StdioServerTransport());
  await ended;
  await openings.closeAll();
  await server.close();
}

/** A person's own sign-in is an agent's only when somebody says so: it would reach all that the person may. */
function contextOfAgent(asked: string | undefined): Context {
  const context = chooseContext(asked);
  const isChosen = asked !== undefined || Boolean(process.env["PORTREEVE_CONTEXT"]);
  if (isChosen || context.identity.type !== "oidc") return context;
  throw new CliError(
    `mcp: the current context "${context.name}" is a person's own: an agent would reach all that the person may.\n` +
      `Sign in an agent (portreeve login --agent NAME …) and give its --context; --context ${context.name} gives it yours all the same.`,
  );
}

function instructions({ maxOpen, maxMinutes }: Bounds): string {
  return `Reach TCP services (databases, caches, queues) as the identity that a person signed in for you. Call list_services
first: it is complete, and nothing else can be reached. open_connection gives a port on 127.0.0.1 for at most ${maxMinutes} minutes,
${maxOpen} at one time; close what you no longer need. Every connection is recorded with your identity. When something is
refused, why_refused says what is missing. You cannot grant it to yourself: tell the person, who can run
\`portreeve request\` and have it reviewed.`;
}
