/** Parts are made once, wholly or not at all, however many ask for them and whoever is killed. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { until } from "../cluster/until.ts";
import { ensure, stateOf } from "./ensure.ts";
import { PartMissing, type Recipe } from "./part.ts";

let dir: string;
let made: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-ensure-"));
  vi.stubEnv("PORTREEVE_CACHE", dir);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  writeFileSync(join(dir, "lock"), "one");
  made = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

const recipe = (changes: Partial<Recipe> = {}): Recipe => ({
  name: "thing",
  title: "A thing",
  version: "1.0.0",
  source: "here",
  main: "thing",
  cost: { seconds: 1, megabytes: 1 },
  lock: [join(dir, "lock")],
  fingerprint: () => "",
  blocked: () => undefined,
  make: async (into) => {
    made++;
    writeFileSync(join(into, "thing"), "content");
  },
  ...changes,
});

/** Everything in the part's folder of the cache. */
const entries = () => readdirSync(join(dir, "portreeve/parts/thing"));

test("made when it is not there, and only then", async () => {
  expect(stateOf(recipe())).toEqual({ kind: "to make" });
  const part = await ensure(recipe());
  expect(readFileSync(part.path, "utf8")).toBe("content");
  expect(await ensure(recipe())).toEqual(part);
  expect(made).toBe(1);
});

test("asked for twice at once, made once", async () => {
  const [a, b] = await Promise.all([ensure(recipe()), ensure(recipe())]);
  expect(a).toEqual(b);
  expect(made).toBe(1);
});

test("another lock file, flag or version is another part", async () => {
  const first = await ensure(recipe());
  writeFileSync(join(dir, "lock"), "two");
  const second = await ensure(recipe());
  const third = await ensure(recipe({ fingerprint: () => "-flag" }));
  const fourth = await ensure(recipe({ version: "1.0.1" }));
  expect(new Set([first, second, third, fourth].map((part) => part.path)).size).toBe(4);
});

test("a recipe that fails leaves nothing behind, and the reason is told", async () => {
  const fails = recipe({
    make: async (into) => {
      writeFileSync(join(into, "thing"), "half");
      throw new Error("no compiler");
    },
  });
  await expect(ensure(fails)).rejects.toThrow(/thing: could not be made: no compiler/);
  expect(entries()).toEqual([]);
  expect(stateOf(recipe())).toEqual({ kind: "to make" });
});

test("a recipe that makes something else than it says fails", async () => {
  await expect(ensure(recipe({ make: async () => {} }))).rejects.toThrow(/did not make thing/);
  expect(entries()).toEqual([]);
});

test("what cannot be had here says why, and is not attempted", async () => {
  const blocked = recipe({ blocked: () => "needs a compiler: install one" });
  await expect(ensure(blocked)).rejects.toThrow(PartMissing);
  await expect(ensure(blocked)).rejects.toThrow("thing: needs a compiler: install one");
  expect(made).toBe(0);
});

test("what the machine has is used", async () => {
  const part = await ensure(recipe({ find: () => ({ path: "/usr/bin/thing", version: "2.0.0" }) }));
  expect(part).toMatchObject({ path: "/usr/bin/thing", version: "2.0.0", from: "machine" });
  expect(made).toBe(0);
});

test("a build that is killed is made anew, and its half is swept away", async () => {
  const program = `
    const { ensure } = await import(${JSON.stringify(join(import.meta.dirname, "ensure.ts"))});
    const { writeFileSync } = await import("node:fs");
    await ensure({
      name: "thing", title: "", version: "1.0.0", source: "", main: "thing", cost: { seconds: 1, megabytes: 1 },
      lock: [${JSON.stringify(join(dir, "lock"))}], fingerprint: () => "", blocked: () => undefined,
      make: async (into) => {
        writeFileSync(into + "/thing", "half");
        console.log("half");
        setInterval(() => {}, 1000);
        await new Promise(() => {});
      },
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, PORTREEVE_CACHE: dir },
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  // Whoever asks meanwhile waits for it; when it dies, the waiting one takes over.
  const waiting = ensure(recipe());
  expect(entries().some((name) => name.startsWith(".making-"))).toBe(true);
  child.kill("SIGKILL");
  const part = await waiting;
  expect(readFileSync(part.path, "utf8")).toBe("content");
  await until("only the finished one left", 5, () => entries().length === 1);
  expect(existsSync(dirname(part.path))).toBe(true);
});
