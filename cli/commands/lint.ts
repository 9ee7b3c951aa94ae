import { Option } from "commander";
import { useColor } from "../format/color.ts";
import { instantOption } from "../instant.ts";
import { formatLint, LINT_FORMATS, type LintFormat, lintExit, lintPaths } from "../lint.ts";
import type { Register } from "./index.ts";

interface Options {
  readonly format: LintFormat;
  readonly failOn: "error" | "warning";
  readonly now?: string;
}

/** `portreeve lint`: what is wrong with these policies, and what a reviewer should look at? */
export const registerLint: Register = (program, exit) => {
  program
    .command("lint")
    .description("Check policies: their form, the guardrails, and what the compilers refuse.")
    .argument("<paths...>", "policy files, or folders with them")
    .addOption(
      new Option("--format <format>", "how findings are written").choices(LINT_FORMATS).default("text"),
    )
    .addOption(
      new Option("--fail-on <severity>", "lowest severity that makes the exit code 1")
        .choices(["error", "warning"])
        .default("error"),
    )
    .option("--now <instant>", "judge expiries at this instant (default: now)")
    .addHelpText(
      "after",
      `
Examples:
  portreeve lint policies/
  portreeve lint policies/ --fail-on warning
  portreeve lint policies/ --format sarif > portreeve.sarif
  portreeve lint policies/ --now 2027-01-01      what will have expired by then

Exit code: 0 nothing as bad as --fail-on, 1 something is, 2 the policies could not be read.`,
    )
    .action((paths: readonly string[], options: Options) => {
      const result = lintPaths(paths, instantOption("--now", options.now));
      process.stdout.write(formatLint(result, options.format, useColor(process.stdout)));
      exit(lintExit(result, options.failOn));
    });
};
