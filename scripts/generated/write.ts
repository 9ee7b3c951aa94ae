import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Names of generated files that are absent or differ from what would be written. */
export function staleFiles(folder: string, files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([name, text]) => {
    const path = join(root, folder, name);
    return existsSync(path) && readFileSync(path, "utf8") === text ? [] : [join(folder, name)];
  });
}

/** Writes the files that changed, or with `check` only tells them. @returns the exit code */
export function writeGenerated(folder: string, files: ReadonlyMap<string, string>, check: boolean): number {
  const stale = staleFiles(folder, files);
  if (check) {
    for (const name of stale) console.error(`${name} is not current`);
    return stale.length === 0 ? 0 : 1;
  }
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of files) writeFileSync(join(root, folder, name), text);
  console.log(stale.length === 0 ? `${folder}: nothing changed` : `wrote ${stale.join(", ")}`);
  return 0;
}
