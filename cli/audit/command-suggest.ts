import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { type Observations, useOfGrants } from "../../policy/audit/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { loadModel } from "../../policy/load/index.ts";
import type { Model } from "../../policy/model/types.ts";
import { CliError, EXIT } from "../exit.ts";
import { Output } from "../io/output.ts";
import { observe } from "./observe.ts";
import { momentOption } from "./options.ts";
import { patchOf } from "./patch.ts";
import { printable } from "./printable.ts";
import { type SourceOptions, sourceOptions, sourcesOf } from "./source-options.ts";
import { type Suggestion, suggest } from "./suggest.ts";

interface Options extends SourceOptions {
  readonly since: string;
  readonly until?: string;
  readonly includeDenied?: true;
  readonly keepUnused?: true;
  readonly newFile?: string;
  readonly write?: true;
  readonly format: "text" | "json";
}

/** `portreeve audit suggest`: the narrowest grants that would have allowed what was used. */
export function registerSuggest(audit: Command, exit: (code: number) => void): void {
  sourceOptions(audit.command("suggest"))
    .description(
      "Suggest the narrowest grants that would have allowed what was used, as a patch of the policies.",
    )
    .option("--since <time>", "30m, 2h, 90d, a date or an instant", "90d")
    .option("--until <time>", "the same; up to this")
    .option("--include-denied", "also new grants for what was denied for want of one")
    .option("--keep-unused", "only narrow grants; leave those that nobody used")
    .option("--new-file <file>", "where new grants go (default: suggested.yaml in the first --policies)")
    .option("--write", "change the files instead of printing a patch")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .addOption(new Option("--json", "the same as --format json").implies({ format: "json" }))
    .addHelpText(
      "after",
      `
Examples:
  portreeve audit suggest /var/log/portreeve --policies policies --since 90d
  portreeve audit suggest /var/log/portreeve > narrower.patch && git apply narrower.patch
  portreeve audit suggest audit.jsonl --policies policies --include-denied

The patch goes to standard output, what was left alone and why to standard error. It was checked: with it every connection
that was used is still allowed, and nothing is that was not. What the mesh enforces the proxy does not record: such grants are
left alone.

Exit code: 0 nothing to change, 1 there is a suggestion, 2 could not run.`,
    )
    .action(async (named: readonly string[], options: Options) => {
      const { policies, logs } = sourcesOf("suggest", named, options);
      const now = Date.now();
      const until = options.until === undefined ? now + 1 : momentOption("--until", options.until, now);
      const { files, findings } = readPolicyFiles(policies);
      if (findings.length > 0) throw new PolicyError(findings);
      const model = loadModel({ texts: files });
      const since = momentOption("--since", options.since, now);
      const observations = await observe(model, logs, since, until);
      if (observations.records === 0)
        throw new CliError(
          "suggest: there is no record in this time; an empty log is no reason to remove every grant",
        );
      const missing = observations.lost + observations.beyond;
      if (missing > 0 && !options.keepUnused) {
        throw new CliError(
          `suggest: ${missing} records of this time are missing, so nobody knows which grants were not used: --keep-unused`,
        );
      }
      const found = suggest(files, observations, {
        includeDenied: options.includeDenied === true,
        keepUnused: options.keepUnused === true,
        newFile: options.newFile ?? newFileIn(policies),
        isThere: existsSync,
      });
      const output = new Output(process.stdout);
      if (options.format === "json") await output.write(`${JSON.stringify(found, undefined, 2)}\n`);
      else if (options.write) write(found);
      else await output.write(patchOf(found.changes));
      await output.flush();
      process.stderr.write(remarks(found, observations.records));
      process.stderr.write(untold(found, model, observations, since));
      exit(found.changes.length > 0 ? EXIT.found : EXIT.ok);
    });
}

function newFileIn([first = "."]: readonly string[]): string {
  return /\.(ya?ml|json)$/.test(first) ? join(first, "..", "suggested.yaml") : join(first, "suggested.yaml");
}

function write({ changes }: Suggestion): void {
  for (const { name, before, after } of changes) {
    if (after === undefined) rmSync(name);
    else writeFileSync(name, after, before === "" ? { flag: "wx" } : {});
  }
}

/** That nobody used a grant is worth as much as the records are long: whoever reviews the patch has to know. */
function untold({ narrowings }: Suggestion, model: Model, observations: Observations, since: number): string {
  const removed = new Set(narrowings.flatMap(({ type, grant }) => (type === "remove" ? [grant] : [])));
  const doubt = useOfGrants(model, observations, since).find(
    ({ grant, state }) => state === "unknown" && removed.has(grant.name),
  );
  if (doubt?.why === undefined) return "";
  return `note: ${doubt.why}, and --since asks for ${new Date(since).toISOString()}: what was used before is not known. --keep-unused removes nothing\n`;
}

function remarks({ narrowings, added, kept, checked }: Suggestion, records: number): string {
  const names = (type: "remove" | "narrow"): string =>
    narrowings.flatMap((one) => (one.type === type ? [one.grant] : [])).join(", ") || "none";
  const lines = [
    `from ${records} records: never used, removed: ${names("remove")}; narrower: ${names("narrow")}; new: ${added.join(", ") || "none"}`,
    ...kept.map(({ grant, why }) => `Grant/${grant} is left as it is: ${why}`),
    `checked by decide: ${checked} different connections that were used are allowed as before, and none that was not`,
  ];
  return `${lines.map(printable).join("\n")}\n`;
}
