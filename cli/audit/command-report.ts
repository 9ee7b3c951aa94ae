import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { CliError, EXIT } from "../exit.ts";
import { Output } from "../io/output.ts";
import { momentOption } from "./options.ts";
import { type FullReport, reportData } from "./report-data.ts";
import { reportHtml } from "./report-html.ts";
import { reportText } from "./report-text.ts";
import { type SourceOptions, sourceOptions, sourcesOf } from "./source-options.ts";
import { STANDARDS, type Standard } from "./standards.ts";

interface Options extends SourceOptions {
  readonly since: string;
  readonly until?: string;
  readonly standard: Standard;
  readonly html?: string;
  readonly format: "text" | "json";
}

/** `portreeve audit report`: who could, who did, what nobody uses. */
export function registerReport(audit: Command, exit: (code: number) => void): void {
  sourceOptions(audit.command("report"))
    .description("Report who could reach each service, who did, what nobody uses, and what was accepted.")
    .option("--since <time>", "30m, 2h, 90d, a date or an instant; a grant not used since is dormant", "90d")
    .option("--until <time>", "the same; up to this")
    .addOption(
      new Option("--standard <name>", "whose controls the parts are assigned to")
        .choices(STANDARDS)
        .default("none"),
    )
    .option("--html <file>", "also write a page that needs nothing else, and prints")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .addHelpText(
      "after",
      `
Examples:
  portreeve audit report /var/log/portreeve --policies policies --since 90d --standard soc2 --html report.html
  portreeve audit report audit.jsonl --policies policies --since 2026-07-01 --until 2026-10-01 --json

Who could is read from the policies at every commit of the period, where they are one folder of the current git repository.
Every row names a line of a policy and a line of a log.

Exit code: 0 nothing stands out; 1 a grant is dormant, a waiver has expired, or the records were changed; 2 could not run.`,
    )
    .action(async (named: readonly string[], options: Options) => {
      const { policies, logs } = sourcesOf("report", named, options);
      const now = Date.now();
      const since = momentOption("--since", options.since, now);
      const until = options.until === undefined ? now : momentOption("--until", options.until, now);
      if (until <= since) throw new CliError("report: --until is before --since");
      const report = await reportData({ ...options, policies, logs, since, until, now });
      if (options.html !== undefined) writeFileSync(options.html, reportHtml(report));
      const output = new Output(process.stdout);
      await output.write(
        options.format === "json" ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report),
      );
      await output.flush();
      exit(standsOut(report) ? EXIT.found : EXIT.ok);
    });
}

function standsOut({ grants, waivers, integrity }: FullReport): boolean {
  return (
    grants.some(({ state }) => state === "dormant") ||
    waivers.some(({ expired }) => expired) ||
    integrity.problems.length > 0
  );
}
