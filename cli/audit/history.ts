import { execFileSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { relative } from "node:path";
import type { Snapshot } from "../../policy/audit/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { loadModel } from "../../policy/load/index.ts";
import { accessTable } from "../../policy/model/access.ts";
import type { Model } from "../../policy/model/types.ts";
import { readGitSide } from "../diff/git.ts";
import { CliError } from "../exit.ts";

export interface History {
  /** Oldest first; the last is what is on disk now. */
  readonly snapshots: readonly Snapshot[];
  /** What is not known, for people; undefined where all is. */
  readonly note: string | undefined;
}

/** More commits than this are not read: the report says so. */
const MAX_COMMITS = 1_000;

/** The access table at each commit since an instant, and at the last one before, where the policies are in git. */
export function historyOf(paths: readonly string[], model: Model, since: number, now: number): History {
  const current: Snapshot = { commit: "as it is on disk", time: now, rows: accessTable(model) };
  const [path] = paths;
  const inside = path === undefined || paths.length > 1 ? undefined : insideRepository(path);
  if (inside === undefined) {
    return {
      snapshots: [current],
      note: "the policies are not one folder of the current git repository: only what they say now is known",
    };
  }
  const commits = commitsOf(inside, since);
  if (commits.length === 0)
    return { snapshots: [current], note: "no commit has these policies: only what they say now is known" };
  const snapshots = commits.slice(-MAX_COMMITS).map(({ commit, time }): Snapshot => {
    return { commit, time, rows: rowsAt(commit, inside) };
  });
  const invalid = snapshots.filter(({ rows }) => rows === undefined).length;
  const notes = [
    ...(commits.length > MAX_COMMITS
      ? [`only the last ${MAX_COMMITS} of ${commits.length} commits were looked at`]
      : []),
    ...(invalid > 0
      ? [`the policies of ${invalid} commits are not valid: what was in force before is taken to have stayed`]
      : []),
    ...(isShallow() ? ["the repository is a shallow clone: earlier commits are not known"] : []),
  ];
  const [oldest] = snapshots;
  const whole = commits.length <= MAX_COMMITS && !isShallow();
  // Before the first commit there was nothing: what it brought began with it.
  if (oldest && oldest.time > since && whole) {
    snapshots.unshift({ commit: "before the first commit", time: since, rows: [] });
  }
  const last = snapshots.findLast(({ rows }) => rows !== undefined);
  const same = last !== undefined && JSON.stringify(bare(last)) === JSON.stringify(bare(current));
  // Positions are those of the files on disk, which the reader can open.
  return {
    snapshots: same
      ? [...snapshots, { ...current, commit: last.commit, time: last.time }]
      : [...snapshots, current],
    note: notes.length > 0 ? notes.join("; ") : undefined,
  };
}

function bare({ rows }: Snapshot): unknown {
  return rows?.map(({ position: _, ...row }) => row);
}

function rowsAt(commit: string, path: string): Snapshot["rows"] {
  try {
    return accessTable(loadModel({ texts: readGitSide({ ref: commit, path }) }));
  } catch (error) {
    if (error instanceof PolicyError || error instanceof CliError) return undefined;
    throw error;
  }
}

/** The path from the top of the repository that the current folder is in. */
function insideRepository(path: string): string | undefined {
  const top = git(["rev-parse", "--show-toplevel"])?.trim();
  if (top === undefined) return undefined;
  const inside = relative(realpathSync(top), realpathSync(path));
  return inside === ".." || inside.startsWith("../") ? undefined : inside;
}

/** Commits that touched the path since an instant, and the last one before; oldest first. */
function commitsOf(path: string, since: number): { commit: string; time: number }[] {
  // As it is written, where a name has characters that git takes for patterns; and nothing that a user's configuration adds.
  const lines = git([
    "log",
    "--first-parent",
    "--no-show-signature",
    "--format=%H %ct",
    "--",
    `:(top,literal)${path}`,
  ])?.trim();
  if (lines === undefined || lines === "") return [];
  const all = lines.split("\n").map((line) => {
    const [commit = "", seconds] = line.split(" ");
    return { commit, time: Number(seconds) * 1_000 };
  });
  const before = all.findIndex(({ time }) => time <= since);
  return (before < 0 ? all : all.slice(0, before + 1)).reverse();
}

function isShallow(): boolean {
  return git(["rev-parse", "--is-shallow-repository"])?.trim() === "true";
}

function git(args: readonly string[]): string | undefined {
  try {
    return execFileSync("git", args, {
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 256 * 1024 * 1024,
    }).toString("utf8");
  } catch {
    return undefined;
  }
}
