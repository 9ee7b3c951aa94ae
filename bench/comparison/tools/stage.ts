import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Change, filesOf } from "../changes.ts";

export type Side = "before" | "after";

/**
 * Runs `work` with a folder that holds `before/` and `after/` without the policy set of Portreeve, which other tools would
 * take for Kubernetes objects; with `iam`, what is not for the cluster as well.
 */
export function staged<T>(change: Change, iam: boolean, work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-comparison-"));
  try {
    for (const side of ["before", "after"] as const) {
      mkdirSync(join(folder, side));
      const files = filesOf(change[side]);
      for (const file of [...files.cluster, ...(iam ? files.iam : [])]) {
        copyFileSync(join(change[side], file), join(folder, side, file));
      }
    }
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * What a command writes. Checkers end with a code of their own where they find something: only `failed` codes are a failure.
 *
 * @throws where the command cannot be started or ends with a code that says that it could not work
 */
export function output(
  command: string,
  args: readonly string[],
  cwd: string,
  fine: readonly number[] = [0],
): { readonly out: string; readonly err: string } {
  const run = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 64 << 20 });
  if (run.error) throw run.error;
  if (!fine.includes(run.status ?? -1)) {
    throw new Error(
      `${command} ${args.join(" ")} ended with ${run.status ?? run.signal}: ${run.stderr || run.stdout}`,
    );
  }
  return { out: run.stdout, err: run.stderr };
}
