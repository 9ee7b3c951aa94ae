import { existsSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "./exit.ts";

const USUAL = "policies";

/**
 * The policies that a command is about: the paths given, or the folder where most repositories keep them.
 *
 * @param here the working folder
 * @throws CliError when none is given and there is no such folder
 */
export function policyPaths(command: string, given: readonly string[], here = "."): readonly string[] {
  if (given.length > 0) return given;
  if (existsSync(join(here, USUAL))) return [USUAL];
  throw new CliError(
    `${command}: which policies? Name their folder; there is no ${USUAL}/ here, and portreeve init writes a first one`,
  );
}
