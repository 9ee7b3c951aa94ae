import { Option } from "commander";
import { fixFiles, mendedText } from "../fix/files.ts";
import { useColor } from "../format/color.ts";
import { instantOption } from "../instant.ts";
import { formatLint, LINT_FORMATS, type LintFormat, lintExit, lintPaths } from "../lint.ts";
import { policyPaths } from "../policy-paths.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly format: LintFormat;
  readonly failOn: "error" | "warning";
  readonly now?: string;
  readonly fix?: boolean;
}

/** `portreeve lint`: what is wrong with these policies, and what a reviewer should look at? */
export const registerLint: Register = (program, exit) => {
  program
    .command("lint")
    .description(
      "Check policies: their form, the guardrails, and what the compilers refuse; and ordinary Istio objects against each other.",
    )
    .argument(
      "[paths...]",
      "files of policies, or of Kubernetes and Istio objects, or folders with them (default: policies/)",
    )
    .addOption(
      new Option("--format <format>", "how findings are written").choices(LINT_FORMATS).default("text"),
    )
    .addOption(
      new Option("--fail-on <severity>", "lowest severity that makes the exit code 1")
        .choices(["error", "warning"])
        .default("error"),
    )
    .option("--now <instant>", "judge expiries at this instant (default: now)")
    .option("--fix", "mend in place what has one right answer, keeping comments and form; told on stderr")
    .addHelpText(
      "after",
      `
Examples:
  portreeve lint policies/
  portreeve lint policies/ --fail-on warning
  portreeve lint policies/ --fix
  portreeve lint policies/ --format sarif > portreeve.sarif
  portreeve lint policies/ --now 2027-01-01      what will have expired by then

Exit code: 0 nothing as bad as --fail-on, 1 something is, 2 the policies could not be read.`,
    )
    .action((given: readonly string[], options: Options) => {
      const paths = policyPaths("lint", given);
      const now = instantOption("--now", options.now);
      if (options.fix) process.stderr.write(mendedText(fixFiles(paths, now)));
      const result = lintPaths(paths, now);
      process.stdout.write(formatLint(result, options.format, useColor(process.stdout)));
      exit(lintExit(result, options.failOn));
    });
};
