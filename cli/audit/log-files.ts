import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "../exit.ts";

/** What `audit export` makes; `query` reads it as well. */
const PARQUET = /\.parquet$/;
/** `audit.jsonl`, `audit.jsonl.worker-1`, `audit.jsonl.3`, each also with `.gz`. */
const LOG_FILE = /\.(jsonl|ndjson|log|json)(\.worker-\d+)?(\.\d+)?(\.gz)?$/;
const MAX_DEPTH = 16;

/**
 * The files with records among these: each file as named, folders with everything below that is named like a log. In the
 * order in which they were written: of rotated files (`path.1` is the youngest) the oldest first.
 *
 * @throws CliError when one is not there, or a folder holds none
 */
export function logFiles(paths: readonly string[]): string[] {
  const files = new Set<string>();
  for (const path of paths) {
    if (path === "-") files.add(path);
    else for (const file of filesIn(path, 0)) files.add(file);
  }
  const parts = [...files].map((file) => ({ file, ...partsOf(file) }));
  const order = new Map<string, number>();
  for (const { base } of parts) if (!order.has(base)) order.set(base, order.size);
  return parts
    .sort((a, b) => (order.get(a.base) ?? 0) - (order.get(b.base) ?? 0) || b.age - a.age)
    .map(({ file }) => file);
}

function filesIn(path: string, depth: number): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new CliError(`${path}: there is no such file or folder`);
  if (!stat.isDirectory()) return [path];
  if (depth > MAX_DEPTH) throw new CliError(`${path}: folders are nested too deeply here`);
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const found = entries.flatMap((entry) => {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return filesIn(inner, depth + 1);
    return LOG_FILE.test(entry.name) || PARQUET.test(entry.name) ? [inner] : [];
  });
  if (found.length === 0 && depth === 0) {
    throw new CliError(
      `${path} holds no records: no *.jsonl, *.ndjson, *.log or *.json file, rotated and .gz included`,
    );
  }
  return found;
}

function partsOf(file: string): { base: string; age: number } {
  const match = /^(.*?)(?:\.(\d+))?(?:\.gz)?$/s.exec(file);
  return { base: match?.[1] ?? file, age: Number(match?.[2] ?? 0) };
}
