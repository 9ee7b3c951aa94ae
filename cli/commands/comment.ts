import { readFileSync, writeFileSync } from "node:fs";
import { Option } from "commander";
import { commentBody, LIMITS, markerLine } from "../comment/body.ts";
import { comment } from "../comment/comment.ts";
import { findTarget, PROVIDERS, type Provider } from "../comment/target.ts";
import { diffExit, diffSides } from "../diff/diff.ts";
import { diffMarkdown } from "../diff/markdown.ts";
import { CliError } from "../exit.ts";
import { instantOption } from "../instant.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly provider?: Provider;
  readonly repo?: string;
  readonly pr?: string;
  readonly marker: string;
  readonly file?: string;
  readonly base?: string;
  readonly head?: string;
  readonly requireAck?: true;
  readonly now?: string;
  readonly dryRun?: true;
  readonly out?: string;
}

/** `portreeve comment`: one comment on the pull request that says what changes in access. */
export const registerComment: Register = (program, exit) => {
  program
    .command("comment")
    .description("Write the access change as one comment on a pull or merge request, or bring it up to date.")
    .option("--base <side>", "what to compare, as in portreeve diff")
    .option("--head <side>", "the same, after the change")
    .option("--file <file>", "Markdown to write instead (- for stdin), such as that of portreeve diff")
    .addOption(
      new Option("--provider <name>", "where the request is (default: as the CI says)").choices(PROVIDERS),
    )
    .option("--repo <repo>", "OWNER/NAME, or GitLab's project (default: as the CI says)")
    .option("--pr <number>", "number of the request (default: as the CI says)")
    .option("--marker <name>", "tells this comment from others of the same author", "access")
    .option("--require-ack", "exit with 1 only for widened access that nobody has acknowledged")
    .option("--now <instant>", "access that ended before this instant is none (default: now)")
    .option("--out <file>", "write the Markdown there too")
    .option("--dry-run", "call nobody, and print the comment unless --out takes it")
    .addHelpText(
      "after",
      `
Examples:
  portreeve comment --base origin/main:policies --head policies
  portreeve diff main:policies policies --format markdown | portreeve comment --file -
  portreeve comment --file report.md --repo shop/infra --pr 7 --marker prod
  portreeve comment --base origin/main:policies --head policies --dry-run

The token is GITHUB_TOKEN or GITLAB_TOKEN. Without an access change no comment is begun; one that is there is brought up to date.

Exit code: 0 done and no access change, 1 access changes (with --require-ack: a widening nobody acknowledged), 2 could not run.`,
    )
    .action(async (options: Options) => {
      const first = markerLine(options.marker);
      const target = options.dryRun ? undefined : findTarget(options, process.env);
      const limit = LIMITS[target?.provider ?? options.provider ?? "github"];
      const { markdown, code, isWorthIt } = content(options, limit - first.length);
      const body = commentBody(first, markdown, limit);
      if (options.out !== undefined) writeText(options.out, markdown);
      if (target === undefined) {
        if (options.out === undefined) process.stdout.write(body);
      } else {
        const { done, url } = await comment(target, first, body, isWorthIt);
        process.stdout.write(`comment: ${done}${url ? `: ${url}` : ""}\n`);
      }
      exit(code);
    });
};

interface Content {
  readonly markdown: string;
  readonly code: number;
  readonly isWorthIt: boolean;
}

function content({ file, base, head, requireAck, now }: Options, limit: number): Content {
  if (file !== undefined && base === undefined && head === undefined) {
    return { markdown: readText(file), code: 0, isWorthIt: true };
  }
  if (file !== undefined || base === undefined || head === undefined)
    throw new CliError("comment: give --base and --head, or --file");
  const report = diffSides(base, head, {
    now: instantOption("--now", now),
    expand: false,
    requireAck: requireAck ?? false,
  });
  return {
    markdown: diffMarkdown(report, limit),
    code: diffExit(report),
    isWorthIt: report.diff.changes.length > 0,
  };
}

function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`comment: cannot write ${file}: ${why}`, undefined, { cause });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? process.stdin.fd : file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`comment: cannot read ${file}: ${why}`, undefined, { cause });
  }
}
