import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CliError } from "../exit.ts";
import { isMissing } from "./private-file.ts";

/** A holder that has not let go after this long is taken for dead, even if its process id lives: ids are used again. */
const STALE_MS = 60_000;
const POLL_MS = 25;
const PATIENCE_MS = 90_000;

/**
 * Does `work` while no other process does so under the same lock file. A rotating refresh token may be used once: two
 * processes that refresh at the same time would make the provider take it for stolen, and end the session.
 *
 * @throws CliError when the lock cannot be had in {@link PATIENCE_MS}
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const deadline = Date.now() + PATIENCE_MS;
  while (!take(path)) {
    if (Date.now() > deadline)
      throw new CliError(`${path} is held by another portreeve; remove it if there is none`);
    removeStale(path);
    await pause(POLL_MS + Math.random() * POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string): boolean {
  try {
    const file = openSync(path, "wx", 0o600);
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function removeStale(path: string): void {
  try {
    const { mtimeMs } = statSync(path);
    const holder = readFileSync(path, "utf8");
    const dead = holder !== "" && !isAlive(Number(holder));
    if (!dead && Date.now() - mtimeMs <= STALE_MS) return;
    // Another process may have done the same and taken the lock since: what is moved away is looked at again.
    const aside = `${path}.${process.pid}`;
    renameSync(path, aside);
    if (readFileSync(aside, "utf8") !== holder) linkSync(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
