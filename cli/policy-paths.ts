import { existsSync } from "node:fs";
import { CliError } from "./exit.ts";

const USUAL = "policies";

/**
 * The policies that a command is about: the paths given, or the folder where most repositories keep them.
 *
 * @throws CliError when none is given and there is no such folder
 */
export function policyPaths(command: string, given: readonly string[]): readonly string[] {
  if (given.length > 0) return given;
  if (existsSync(USUAL)) return [USUAL];
  throw new CliError(
    `${command}: which policies? Name their folder; there is no ${USUAL}/ here, and portreeve init writes a first one`,
  );
}
