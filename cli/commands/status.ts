import { Option } from "commander";
import type { Register } from "../register.ts";

interface Options {
  readonly context?: string;
  readonly format: "text" | "json";
}

/** `portreeve status`: who am I to the proxy? */
export const registerStatus: Register = (program, exit) => {
  program
    .command("status")
    .description("Say who you are to the proxy: context, provider, user, groups, and until when.")
    .option("--context <name>", "which sign-in to use (default: the current one)")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .addHelpText(
      "after",
      `
Examples:
  portreeve status
  portreeve status --json

User and groups are told by the proxy, which has verified them.

Exit code: 0 the proxy accepts you, 1 it does not or you are not signed in, 2 there is no such context.`,
    )
    .action(async (options: Options) => {
      const { currentStatus, statusExit, statusText } = await import("../status/status.ts");
      const status = await currentStatus(options.context);
      process.stdout.write(
        options.format === "json" ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status),
      );
      exit(statusExit(status));
    });
};
