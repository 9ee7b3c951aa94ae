import { useColor } from "../format/color.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly for: string;
  readonly reason: string;
  readonly dir: string;
  readonly group?: string;
  readonly agent?: string;
  readonly as?: string;
  readonly ticket?: string;
  readonly context?: string;
  readonly dryRun?: true;
}

/** `portreeve request`: asks for access for a while, as a file for a pull request. */
export const registerRequest: Register = (program) => {
  program
    .command("request")
    .description("Ask for access for a while: write a grant that ends by itself, for a pull request.")
    .argument("<service[:port]>", "the service; without a port all of its ports")
    .requiredOption("--for <duration>", "how long, from now: 30m, 1h, 8h")
    .requiredOption("--reason <text>", "why; reviewers and auditors read it")
    .option("--dir <folder>", "the policies", "policies")
    .option("--as <user>", "for this person, PROVIDER:USER (default: who is signed in)")
    .option("--group <name>", "for a Group of the policies")
    .option("--agent <name>", "for an Agent of the policies")
    .option("--ticket <text>", "where it was asked for")
    .option("--context <name>", "whose sign-in says who you are (default: the current one)")
    .option("--dry-run", "print the file, and write nothing")
    .addHelpText(
      "after",
      `
Examples:
  portreeve request orders-db --for 1h --reason "incident 4711: stuck orders"
  portreeve request orders-db:5432 --for 8h --reason "migration" --group dba --ticket OPS-12
  portreeve request cache --for 30m --reason "hot key" --as okta:ann@example.com --dry-run

The file is checked as lint would, and the change in access is shown. Nothing is granted before the pull request is
merged and deployed; at its end the proxy refuses and closes by itself.

Exit code: 0 written, 2 not: it would not pass lint, or nothing would change.`,
    )
    .action(async (asked: string, options: Options) => {
      const { parseAsked } = await import("../people/proxy/target.ts");
      const { beneficiary } = await import("../request/who.ts");
      const { writeRequest } = await import("../request/request.ts");
      const { service, port } = parseAsked(asked);
      const who = await beneficiary(options);
      const text = writeRequest(
        {
          service,
          port,
          who,
          duration: options.for,
          reason: options.reason,
          dir: options.dir,
          owner: who.type === "user" ? who.user : undefined,
          ticket: options.ticket,
          dryRun: options.dryRun === true,
        },
        Date.now(),
        useColor(process.stdout),
      );
      process.stdout.write(text);
    });
};
