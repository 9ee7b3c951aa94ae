import { Option } from "commander";
import { CliError } from "../exit.ts";
import { instantOption } from "../instant.ts";
import type { Register } from "../register.ts";
import { checkNames, effectOf } from "../revoke/effect.ts";

interface Options {
  readonly agent?: string;
  readonly user?: string;
  readonly role?: string;
  readonly connection?: string;
  readonly until?: string;
  readonly admin: readonly string[];
  readonly format: "text" | "json";
}

/** `portreeve revoke`: the kill switch. */
export const registerRevoke: Register = (program) => {
  program
    .command("revoke")
    .description("End every connection of an agent, user or role at once, and refuse them from now on.")
    .option("--agent <name>", "an Agent of the policies")
    .option("--user <user>", "a person, PROVIDER:USER")
    .option("--role <arn>", "an AWS IAM role")
    .option("--connection <id>", "one connection, by its id in the records")
    .option("--until <instant>", "let them in again from this instant on (default: when the proxy restarts)")
    .requiredOption(
      "--admin <url|socket...>",
      "admin interface of each proxy: http://127.0.0.1:PORT or a socket's path",
    )
    .addOption(new Option("--format <format>", "how it is told").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      `
Examples:
  portreeve revoke --agent triage --admin http://127.0.0.1:25091
  portreeve revoke --user okta:ann@example.com --until 2027-01-01T00:00:00Z --admin /run/portreeve/admin.sock
  portreeve revoke --agent triage --admin http://127.0.0.1:9001 http://127.0.0.1:9002

Every proxy pod has an admin interface of its own, on its loopback: reach each by kubectl port-forward. It is remembered in
the proxy's memory; what lasts is the line \`suspended: true\` in the Agent's spec, or a deny grant.

Exit code: 0 every proxy did it, 2 one did not.`,
    )
    .action(async ({ admin, format, until, agent, user, role, connection }: Options) => {
      const targets = Object.entries({ agent, user, role, connection }).filter(
        ([, value]) => value !== undefined,
      );
      if (targets.length !== 1)
        throw new CliError("revoke: give one of --agent, --user, --role and --connection");
      checkNames({ user, role });
      const instant = until === undefined ? undefined : instantOption("--until", until);
      const end = instant === undefined ? {} : { until: new Date(instant).toISOString() };
      const { revokeAt } = await import("../revoke/revoke.ts");
      const done = await revokeAt({ ...Object.fromEntries(targets), ...end }, admin);
      const from = effectOf({ connection, until: instant }, Date.now());
      process.stdout.write(
        format === "json" ? `${JSON.stringify(done)}\n` : done.map((one) => lineOf(one, from)).join(""),
      );
    });
};

function lineOf(
  { admin, closed }: { readonly admin: string; readonly closed: number },
  effect: string,
): string {
  return `${admin}: ${closed} ${closed === 1 ? "connection" : "connections"} ended${effect}\n`;
}
