import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { CliError } from "../exit.ts";
import { fixTexts, type Mended } from "./fix.ts";

const BOM = "\uFEFF";

/**
 * Mends policy files in place. Each file is replaced as a whole: whoever reads it sees the old text or the new one, and its
 * mode stays. Files that cannot be read are left to `lint`, which says why.
 *
 * @returns what was mended, to be told
 */
export function fixFiles(paths: readonly string[], now: number): readonly Mended[] {
  const { files } = readPolicyFiles(paths);
  const { texts, mended } = fixTexts(files, now);
  const changed = texts.filter(({ text }, index) => text !== files[index]?.text);
  const ready: { readonly temporary: string; readonly path: string }[] = [];
  try {
    for (const { name, text } of changed) ready.push(prepare(name, text));
    // Only when all of them are on disk is the first one put in its place.
    for (const { temporary, path } of ready) renameSync(temporary, path);
  } catch (error) {
    for (const { temporary } of ready) rmSync(temporary, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`lint --fix: cannot write: ${reason}`, undefined, { cause: error });
  }
  return mended;
}

/** Writes a text beside its file, behind the link if there is one. */
function prepare(name: string, text: string): { temporary: string; path: string } {
  const path = realpathSync(name);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const mark = readFileSync(path, "utf8").startsWith(BOM) ? BOM : "";
  const file = openSync(temporary, "wx");
  try {
    fchmodSync(file, statSync(path).mode);
    writeFileSync(file, mark + text);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return { temporary, path };
}

/** What was mended, a line each. */
export function mendedText(mended: readonly Mended[]): string {
  return mended.map(({ file, line, what }) => `${file}:${line}: fixed: ${what}\n`).join("");
}
