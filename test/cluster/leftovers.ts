/**
 * What a test run has started and made, in a file, so that it can be cleared away by somebody else: by the watchdog
 * when the run is killed, or by the next run when the watchdog was killed too.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheRoot } from "../toolchain/cache.ts";
import { alive, startOf } from "../toolchain/machine.ts";
import { until } from "./until.ts";

/** A process and when it started: a pid alone may be somebody else's by now. */
export interface Identity {
  readonly pid: number;
  readonly start: string;
}

export interface Leftovers {
  /** Who answers for it: while one of them lives, nobody else touches it. */
  readonly owners: readonly Identity[];
  /** Leaders of process groups. */
  readonly processes: readonly Identity[];
  readonly folders: readonly string[];
  /** Commands that take back what is neither a process nor a folder (a network namespace, say). */
  readonly undo: readonly Command[];
}

export type Command = readonly [program: string, ...args: string[]];

const PATIENCE_S = 5;

export function identify(pid: number): Identity | undefined {
  const start = startOf(pid);
  return start === undefined ? undefined : { pid, start };
}

const lives = ({ pid, start }: Identity): boolean => alive(pid, start);

const runs = (): string => join(cacheRoot(), "runs");

export function record(owner: number, leftovers: Leftovers): void {
  mkdirSync(runs(), { recursive: true });
  const file = join(runs(), `${owner}.json`);
  writeFileSync(`${file}.new`, JSON.stringify(leftovers));
  renameSync(`${file}.new`, file);
}

export function forget(owner: number): void {
  rmSync(join(runs(), `${owner}.json`), { force: true });
}

function signal(identity: Identity, name: "SIGTERM" | "SIGKILL"): void {
  // Checked right before the signal, so that nothing is killed but what we started.
  if (!lives(identity)) return;
  try {
    process.kill(-identity.pid, name);
  } catch {
    // It has ended in between.
  }
}

/** Ends process groups: politely, and after a while not. */
export async function end(processes: readonly Identity[]): Promise<void> {
  // The last started first: an API server should go before its etcd.
  const all = processes.toReversed();
  for (const one of all) signal(one, "SIGTERM");
  try {
    await until("ending processes", PATIENCE_S, () => !all.some(lives));
  } catch {
    for (const one of all) signal(one, "SIGKILL");
    await until("ending processes", PATIENCE_S, () => !all.some(lives));
  }
}

/** The last made first. A command that fails has nothing to take back any more. */
export function takeBack(commands: readonly Command[]): void {
  for (const [program, ...args] of commands.toReversed()) spawnSync(program, args, { stdio: "ignore" });
}

export async function clear(leftovers: Leftovers): Promise<void> {
  await end(leftovers.processes);
  takeBack(leftovers.undo);
  for (const folder of leftovers.folders) rmSync(folder, { recursive: true, force: true });
}

/** Clears what killed runs have left, watchdog and all. */
export async function sweep(): Promise<void> {
  mkdirSync(runs(), { recursive: true });
  for (const name of readdirSync(runs()).filter((n) => n.endsWith(".json"))) {
    const file = join(runs(), name);
    try {
      const left = JSON.parse(readFileSync(file, "utf8")) as Leftovers;
      if (left.owners.some(lives)) continue;
      await clear(left);
    } catch (error) {
      // Cleared by a run beside us in the meantime; anything else is worth knowing.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
    rmSync(file, { force: true });
  }
}
