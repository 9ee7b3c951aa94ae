import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeFolder } from "./make-folder.ts";

it("makes a folder with those above it, and is content with one that is there", () => {
  const dir = mkdtempSync(join(tmpdir(), "portreeve-folder-"));
  try {
    makeFolder(join(dir, "a/b/c"));
    makeFolder(join(dir, "a/b/c"));
    expect(existsSync(join(dir, "a/b/c"))).toBe(true);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it.runIf(existsSync("/proc/self"))("ends where no folder can be made", () => {
  expect(() => makeFolder("/proc/portreeve/policies")).toThrow(/\/proc\/portreeve/);
});
