import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "./lock.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-lock-"));
  path = join(dir, "locks/one.lock");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const LONG_AGO = new Date("2020-01-01");
/** Above every process id that Linux and macOS give. */
const NOBODY = 2 ** 30;

describe("a lock", () => {
  it("lets one in at a time, whoever comes, and leaves nothing behind", async () => {
    let inside = 0;
    let most = 0;
    const turns = Array.from({ length: 10 }, () =>
      withLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((done) => setImmediate(done));
        inside -= 1;
      }),
    );
    await Promise.all(turns);
    expect(most).toBe(1);
    expect(readdirSync(join(dir, "locks"))).toEqual([]);
  });

  it("is let go when the work fails", async () => {
    const failing = withLock(path, () => Promise.reject(new Error("failed")));
    await expect(failing).rejects.toThrow("failed");
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ["of a process that is gone", String(NOBODY), new Date()],
    ["that was written before the holder could say who it is, long ago", "", LONG_AGO],
    ["of a process that lives, held longer than anybody would", String(process.pid), LONG_AGO],
  ])("%s is taken over", async (_, holder, when) => {
    await withLock(path, async () => {});
    writeFileSync(path, holder);
    utimesSync(path, when, when);
    await expect(withLock(path, async () => "in")).resolves.toBe("in");
  });
});
