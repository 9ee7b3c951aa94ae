import { InvalidArgumentError } from "commander";
import type { Register } from "../register.ts";

interface Options {
  readonly context?: string;
  readonly maxOpen: number;
  readonly maxMinutes: number;
}

/** `portreeve mcp`: offers an AI agent what it may reach. */
export const registerMcp: Register = (program) => {
  program
    .command("mcp")
    .description(
      "Serve the Model Context Protocol on stdin and stdout: an AI agent reaches what it may, and nothing else.",
    )
    .option(
      "--context <name>",
      "whose sign-in it uses (default: the current one, unless that is a person's own)",
    )
    .option("--max-open <count>", "connections that may be open at one time", numberUpTo(64), 4)
    .option("--max-minutes <count>", "longest time that one stays open", numberUpTo(1440), 60)
    .addHelpText(
      "after",
      `
Examples:
  portreeve login --agent triage --subject-token-file person.jwt --client-secret-file secret …
  portreeve mcp --context triage

In the configuration of an MCP client:
  { "mcpServers": { "portreeve": { "command": "portreeve", "args": ["mcp", "--context", "triage"] } } }

Tools: list_services, open_connection, close_connection, why_refused. None of them widens access.

Exit code: 0 when the client has gone, 2 could not run.`,
    )
    .action(async ({ context, maxOpen, maxMinutes }: Options) => {
      const { serveMcp } = await import("../mcp/serve.ts");
      await serveMcp(context, { maxOpen, maxMinutes });
    });
};

function numberUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,5}$/.test(text) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`write a number, 1 to ${most}`);
  };
}
