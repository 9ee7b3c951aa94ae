import { Option } from "commander";
import { loadModel } from "../../policy/index.ts";
import { runCases } from "../../testing/cases.ts";
import { EXIT } from "../exit.ts";
import { useColor } from "../format/color.ts";
import { instantOption } from "../instant.ts";
import { policyPaths } from "../policy-paths.ts";
import type { Register } from "../register.ts";
import { isTestFile, readCases } from "../test/files.ts";
import { formatTests, TEST_FORMATS, type TestFormat } from "../test/output.ts";

interface Options {
  readonly format: TestFormat;
  readonly now?: string;
  readonly requireCoverage?: true;
}

/** `portreeve test`: do the policies say what their tests expect, and which grants does no test touch? */
export const registerTest: Register = (program, exit) => {
  program
    .command("test")
    .description("Ask policies the questions in *.test.yaml, and tell which grants no question touches.")
    .argument(
      "[paths...]",
      "policy files or folders; their *.test.yaml files hold the cases (default: policies/)",
    )
    .addOption(new Option("--format <format>", "how it is written").choices(TEST_FORMATS).default("text"))
    .option("--now <instant>", "ask at this instant where a case has none (default: now)")
    .option("--require-coverage", "fail when a grant is touched by no case")
    .addHelpText(
      "after",
      `
Examples:
  portreeve test policies/
  portreeve test policies/ --require-coverage --format junit > portreeve.xml

A test file, e.g. policies/orders.test.yaml:
  - { from: shop/api, to: "orders-db:5432", expect: allow, by: backend-orders }
  - { from: okta:intern, to: orders-db, expect: deny }
A case may also have name, via, at, ip and sni; {at: …, cases: […]} sets the instant for all.

Exit code: 0 every case holds, 1 one does not (or --require-coverage fails), 2 could not run.`,
    )
    .action((given: readonly string[], options: Options) => {
      const paths = policyPaths("test", given);
      const cases = readCases(paths);
      const model = loadModel({ paths: paths.filter((path) => !isTestFile(path)) });
      const report = runCases(model, cases, instantOption("--now", options.now));
      process.stdout.write(formatTests(report, options.format, useColor(process.stdout)));
      const failed = report.results.some(({ failure }) => failure !== undefined);
      const uncovered = options.requireCoverage === true && report.untouched.length > 0;
      exit(failed || uncovered ? EXIT.found : EXIT.ok);
    });
};
