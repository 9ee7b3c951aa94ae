/**
 * The cache of parts, outside of the repository and shared by every clone:
 *
 *   ${PORTREEVE_CACHE:-${XDG_CACHE_HOME:-~/.cache}}/portreeve/parts/<part>/<sha256 of lock files and recipe>-<platform>/
 *
 * A folder under its final name is whole: it is made under a temporary name and renamed. A killed build leaves only a
 * temporary folder, which the next one removes.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { alive, platform, startOf } from "./machine.ts";
import type { Recipe, Report } from "./part.ts";

export function cacheRoot(): string {
  const base = process.env.PORTREEVE_CACHE || process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "portreeve");
}

/** Every file at or under `path`, sorted. */
function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** What identifies the outcome of a recipe: name, version, fingerprint, and the content of its lock files. */
export function keyOf(recipe: Recipe): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([recipe.name, recipe.version, recipe.main, recipe.fingerprint()]));
  for (const locked of recipe.lock) {
    for (const file of filesUnder(locked)) {
      hash.update(`\0${relative(dirname(locked), file)}\0`).update(readFileSync(file));
    }
  }
  return `${hash.digest("hex").slice(0, 24)}-${platform}`;
}

/** The folder a finished part is in, whether or not it is there yet. */
export function folderOf(recipe: Recipe): string {
  return join(cacheRoot(), "parts", recipe.name, keyOf(recipe));
}

/** The main file of a finished part, or `undefined` when it has not been made. */
export function cached(recipe: Recipe): string | undefined {
  const file = join(folderOf(recipe), recipe.main);
  return existsSync(file) ? file : undefined;
}

/** Fills the cache folder of a recipe, all or nothing, and returns the main file. */
export async function fill(recipe: Recipe, report: Report): Promise<string> {
  const folder = folderOf(recipe);
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true });
  sweep(parent);
  const temporary = join(parent, `.making-${process.pid}-${startOf(process.pid)}-${basename(folder)}`);
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary);
  try {
    const begun = Date.now();
    await recipe.make(temporary, report);
    if (!existsSync(join(temporary, recipe.main))) throw new Error(`the recipe did not make ${recipe.main}`);
    const made = {
      version: recipe.version,
      source: recipe.source,
      seconds: Math.round((Date.now() - begun) / 1000),
    };
    writeFileSync(join(temporary, "made.json"), `${JSON.stringify(made)}\n`);
    renameSync(temporary, folder);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    // Another process may have been quicker: its folder is as good as ours.
    const other = cached(recipe);
    if (other !== undefined) return other;
    throw cause;
  }
  return join(folder, recipe.main);
}

/** Removes the temporary folders of processes that no longer live. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const match = /^\.making-(\d+)-(.+)-[0-9a-f]{24}-/.exec(name);
    if (match?.[1] && match[2] && !alive(Number(match[1]), match[2])) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

/** Bytes on disk at or under a path; links are not followed. */
export function sizeOf(path: string): number {
  if (!existsSync(path)) return 0;
  return filesUnder(path).reduce((sum, file) => sum + statSync(file).size, 0);
}
