import { Option } from "commander";
import { useColor } from "../format/color.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly context?: string;
  readonly format: "text" | "json";
}

/** `portreeve ls`: what may I reach? */
export const registerLs: Register = (program) => {
  program
    .command("ls")
    .description("List the services that you may reach now, and until when.")
    .option("--context <name>", "which sign-in to use (default: the current one)")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      `
Examples:
  portreeve ls
  portreeve ls --context staging --json

The proxy answers, by the verdict that a connection would get at this moment. What is not listed is denied.

Exit code: 0 listed, 1 the proxy refuses you, 2 not signed in, or it could not be asked.`,
    )
    .action(async (options: Options) => {
      const { listServices } = await import("../ls/ls.ts");
      process.stdout.write(await listServices(options.context, options.format, useColor(process.stdout)));
    });
};
