import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Where Bun is: `PORTREEVE_BUN`, then PATH, then the platform packages of npm (`bun`, or `@oven/bun-*`) beside this
 * package or above it. Undefined when there is none.
 */
export function findBun(
  env: Readonly<Record<string, string | undefined>> = process.env,
  from: string = dirname(fileURLToPath(import.meta.url)),
): string | undefined {
  const chosen = env["PORTREEVE_BUN"];
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  const onPath = (env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "bun"));
  return onPath.find(isExecutable) ?? inPackages(from);
}

function inPackages(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const oven = join(folder, "node_modules/@oven");
    const found = names(oven)
      .filter((name) => name.startsWith("bun-"))
      .map((name) => join(oven, name, "bin/bun"))
      .find(isExecutable);
    if (found) return found;
    if (dirname(folder) === folder) return undefined;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
