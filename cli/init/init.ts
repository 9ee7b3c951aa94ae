import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadPolicySet } from "../../policy/load/index.ts";
import { CliError } from "../exit.ts";
import { makeFolder } from "../io/make-folder.ts";
import type { Answers } from "./answers.ts";
import { starterFiles } from "./files.ts";

/**
 * Writes the starter to a folder that is absent or empty.
 *
 * @returns the files written, in the order in which they are to be read
 * @throws CliError when there is anything in the folder; nothing is overwritten, and nothing is left half written
 */
export function writeStarter(folder: string, answers: Answers): string[] {
  refuseUsed(folder);
  const files = starterFiles(answers);
  // What is written has to load; this fails only where an answer was let through that should not have been.
  const policies = [...files].filter(([name]) => !name.endsWith(".test.yaml"));
  loadPolicySet({ texts: policies.map(([name, text]) => ({ name: join(folder, name), text })) });
  const written: string[] = [];
  try {
    makeFolder(folder);
    for (const [name, text] of files) {
      const path = join(folder, name);
      writeFileSync(path, text, { flag: "wx" });
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`init: cannot write ${folder}: ${reason}`, undefined, { cause: error });
  }
  return written;
}

/** Asked before any question is: nobody shall answer ten of them for nothing. */
export function refuseUsed(folder: string): void {
  if (!existsSync(folder)) return;
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch (error) {
    throw new CliError(`init: ${folder} is no folder that can be read`, undefined, { cause: error });
  }
  const [first] = entries;
  if (first === undefined) return;
  throw new CliError(
    `init: ${folder} is not empty (it has ${first}); name a new folder, nothing is overwritten`,
  );
}
