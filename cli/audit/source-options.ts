import type { Command } from "commander";
import { CliError } from "../exit.ts";
import { policyPaths } from "../policy-paths.ts";
import { collect } from "./options.ts";

/** What a command that holds records against policies is given. */
export interface SourceOptions {
  readonly policies?: readonly string[];
  readonly logs?: readonly string[];
}

/** Records as arguments, as the other commands of `audit` take them, or by `--logs`; policies by `--policies`. */
export function sourceOptions(command: Command): Command {
  return command
    .argument("[files...]", "files with records, or folders of them")
    .option(
      "--policies <path>",
      "policy files or folders; may be given several times (default: policies/)",
      collect,
    )
    .option("--logs <path>", "the same as naming files; may be given several times", collect);
}

/** @throws CliError when policies or records are not given, or not there */
export function sourcesOf(
  command: string,
  named: readonly string[],
  { policies = [], logs = [] }: SourceOptions,
): { readonly policies: readonly string[]; readonly logs: readonly string[] } {
  const records = [...named, ...logs];
  if (records.length === 0)
    throw new CliError(`${command}: which records? Name their files, or folders of them`);
  return { policies: policyPaths(command, policies), logs: records };
}
