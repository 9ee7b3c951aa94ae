import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { CliError } from "../exit.ts";
import type { RenderedFiles } from "./files.ts";

/** The file by which a folder is known as ours; it lists what was written, so that what is no longer rendered goes. */
export const MARKER = ".portreeve-render.json";

const marker = z.object({ version: z.literal(1), digest: z.string(), files: z.array(z.string()) });

/**
 * Makes the folder hold these files. They are written beside it and the whole is moved into place, so that whoever reads
 * the folder sees all of the old or all of the new; killed midway, the next run puts it right. Files that others put into the
 * folder stay.
 *
 * @throws CliError when the folder holds something and was not written by this command.
 */
export function writeFolder(folder: string, files: RenderedFiles, digest: string): { removed: string[] } {
  const target = existsSync(folder) ? realpathSync(folder) : resolve(folder);
  const next = `${target}.portreeve-next`;
  const previous = `${target}.portreeve-previous`;
  // A run that was killed between the two renames below left the old folder under this name.
  if (!existsSync(target) && existsSync(previous)) renameSync(previous, target);
  const known = filesWritten(folder, target);
  const foreign = foreignFiles(target, known);
  const taken = foreign.find((name) => files.has(name));
  if (taken !== undefined) {
    throw new CliError(`${join(folder, taken)} was not written by portreeve render: move it away`);
  }
  rmSync(next, { recursive: true, force: true });
  rmSync(previous, { recursive: true, force: true });
  try {
    mkdirSync(next, { recursive: true });
    for (const name of foreign) {
      mkdirSync(dirname(join(next, name)), { recursive: true });
      cpSync(join(target, name), join(next, name), { verbatimSymlinks: true });
    }
    for (const [name, text] of files) {
      mkdirSync(dirname(join(next, name)), { recursive: true });
      writeFileSync(join(next, name), text);
    }
    const content = { version: 1, digest, files: [...files.keys()] } satisfies z.input<typeof marker>;
    writeFileSync(join(next, MARKER), `${JSON.stringify(content, null, 2)}\n`);
    if (existsSync(target)) renameSync(target, previous);
    renameSync(next, target);
    rmSync(previous, { recursive: true, force: true });
  } catch (cause) {
    if (!existsSync(target) && existsSync(previous)) renameSync(previous, target);
    rmSync(next, { recursive: true, force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`cannot write ${folder}: ${reason}`, undefined, { cause });
  }
  return { removed: [...known].filter((name) => !files.has(name)) };
}

/** What an earlier run wrote; nothing for a folder that is absent or empty. */
function filesWritten(folder: string, target: string): Set<string> {
  if (!existsSync(target)) return new Set();
  if (!statSync(target).isDirectory()) throw new CliError(`${folder} is not a folder`);
  if (readdirSync(target).length === 0) return new Set();
  const path = join(target, MARKER);
  if (!existsSync(path)) {
    throw new CliError(`${folder} holds files that portreeve render did not write: choose an empty folder`);
  }
  try {
    return new Set(marker.parse(JSON.parse(readFileSync(path, "utf8"))).files);
  } catch (cause) {
    throw new CliError(
      `${path} is not as portreeve render wrote it: remove the folder, or choose another`,
      undefined,
      { cause },
    );
  }
}

/** Files in the folder that no earlier run wrote. */
function foreignFiles(target: string, known: ReadonlySet<string>): string[] {
  if (!existsSync(target)) return [];
  return readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(target.length + 1))
    .filter((name) => name !== MARKER && !known.has(name));
}
