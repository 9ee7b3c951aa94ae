/**
 * A lock file held by one process while it makes a part, so that two runs side by side do not both build for minutes.
 * It only saves work: what makes a half-made part impossible is that a finished folder is renamed into place.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { alive, startOf } from "./machine.ts";

const POLL_MS = 300;

/** Runs `work` while holding `file`; waits while another live process holds it. */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait?: (pid: number) => void,
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!take(file)) {
    const holder = read(file);
    if (holder === undefined || !alive(holder.pid, holder.start)) {
      // Its owner was killed. Two waiters may both clear it; then both build, and the second finished folder is dropped.
      rmSync(file, { force: true });
      continue;
    }
    if (!told) onWait?.(holder.pid);
    told = true;
    await wait(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** The lock appears with its content already in it (a link is atomic), so that nobody reads an empty one as stale. */
function take(file: string): boolean {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, `${process.pid} ${startOf(process.pid)}\n`);
  try {
    linkSync(mine, file);
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
    throw cause;
  } finally {
    rmSync(mine, { force: true });
  }
}

function read(file: string): { pid: number; start: string } | undefined {
  try {
    const match = /^(\d+) (.+)$/m.exec(readFileSync(file, "utf8"));
    return match?.[1] && match[2] ? { pid: Number(match[1]), start: match[2] } : undefined;
  } catch {
    return undefined;
  }
}
