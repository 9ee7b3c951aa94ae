/** What this machine is and has: platform, commands on PATH, processes. */
import { execFileSync } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** For example `linux-x64`: part of every cache key, since what is cached is mostly machine code. */
export const platform = `${process.platform}-${process.arch}`;

export const isRoot = process.getuid?.() === 0;

/** The first executable of that name on PATH (or in `folders`, when given), as an absolute path. */
export function onPath(
  command: string,
  folders = (process.env.PATH ?? "").split(delimiter),
): string | undefined {
  for (const folder of folders) {
    if (folder === "") continue;
    const file = join(folder, command);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not there, or not ours to run: the next folder.
    }
  }
  return undefined;
}

/** What a command prints, or `undefined` when it cannot be run or fails. */
export function output(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 20_000,
    });
  } catch {
    return undefined;
  }
}

/** The first `1.2` or `1.2.3` in a text. */
export function versionIn(text: string | undefined): string | undefined {
  return text?.match(/\d+\.\d+(?:\.\d+)?/)?.[0];
}

/** Is version `have` at least `want`? Compared number by number. */
export function atLeast(have: string, want: string): boolean {
  const [a, b] = [have, want].map((v) => v.split(".").map(Number));
  for (const [i, w] of (b ?? []).entries()) {
    const h = a?.[i] ?? 0;
    if (h !== w) return h > w;
  }
  return true;
}

/**
 * When a process started, as an opaque text; `undefined` when there is no such process.
 * A pid alone is no identity: it may belong to somebody else by now, so nothing is killed, and no lock is held to be
 * stale, on a pid alone.
 */
export function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The command name may hold spaces and brackets: fields are counted from its closing bracket.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  return output("ps", ["-o", "lstart=", "-p", String(pid)])?.trim() || undefined;
}

/** Is this very process (pid and start time) still alive? */
export function alive(pid: number, start: string): boolean {
  return startOf(pid) === start;
}
