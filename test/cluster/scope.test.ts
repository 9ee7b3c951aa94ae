/** A test process may end in any way: nothing that it started stays behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { alive, startOf } from "../toolchain/machine.ts";
import { openScope, withScope } from "./scope.ts";
import { until } from "./until.ts";

const cache = mkdtempSync(join(tmpdir(), "portreeve-scope-test-"));
const victims: ChildProcess[] = [];
afterAll(async () => {
  for (const child of victims) child.kill("SIGKILL");
  await until("all victims' leftovers gone", 20, () => runs().length === 0);
  rmSync(cache, { recursive: true, force: true });
});

interface Started {
  /** Stands for what is neither a process nor in the folder: a network namespace, say. */
  readonly made: string;
  readonly dir: string;
  readonly sleeper: number;
  readonly start: string;
}

/** A process like a test's: opens a scope, starts something in it, says so, and waits. */
async function victim(): Promise<{ child: ChildProcess; started: Started }> {
  const program = `
    const { writeFileSync } = await import("node:fs");
    const { openScope } = await import(${JSON.stringify(join(import.meta.dirname, "scope.ts"))});
    const { startOf } = await import(${JSON.stringify(join(import.meta.dirname, "../toolchain/machine.ts"))});
    const scope = await openScope("victim");
    const made = ${JSON.stringify(cache)} + "/made-" + process.pid;
    scope.undoWith(["rm", "-f", made]);
    writeFileSync(made, "");
    const { pid } = await scope.start("sleeper", "sleep", ["600"], { ready: () => true });
    console.log(JSON.stringify({ made, dir: scope.dir, sleeper: pid, start: startOf(pid) }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    // Its stderr is not ours: a process that stays behind would keep the test runner waiting for the end of it.
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, PORTREEVE_CACHE: cache },
  });
  victims.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error("ended before it said anything")));
    child.stdout?.once("data", (data: Buffer) => resolve(data.toString()));
  });
  return { child, started: JSON.parse(line) as Started };
}

const gone = ({ made, dir, sleeper, start }: Started) =>
  !alive(sleeper, start) && !existsSync(dir) && !existsSync(made);
const runs = () => readdirSync(join(cache, "portreeve/runs"));

test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("ended by %s", async (signal) => {
  const { child, started } = await victim();
  expect(gone(started)).toBe(false);
  child.kill(signal);
  await until("everything gone", 20, () => gone(started) && runs().length === 0);
});

test("killed together with its watchdog: the next run clears away what they left", async () => {
  const { child, started } = await victim();
  const record = await until("the watchdog's record", 10, () =>
    runs().find((name) => name.endsWith(".json")),
  );
  const watchdog = Number.parseInt(record, 10);
  const watchdogStart = startOf(watchdog);
  expect(watchdogStart).toBeDefined();
  process.kill(watchdog, "SIGKILL");
  child.kill("SIGKILL");
  await until("both dead", 10, () => startOf(watchdog) !== watchdogStart && child.signalCode !== null);
  expect(gone(started)).toBe(false);
  const next = await victim();
  expect(gone(started)).toBe(true);
  next.child.kill("SIGKILL");
  await until("the next gone too", 20, () => gone(next.started) && runs().length === 0);
});

test("a process that ends before it is ready fails at once, with what it printed", async () => {
  await withScope("early", async (scope) => {
    const start = scope.start("early", "sh", ["-c", "echo no such option; exit 3"], { ready: () => false });
    await expect(start).rejects.toThrow(/early ready: ended with 3\nno such option/);
  });
});

test("a scope is stopped when the work in it throws", async () => {
  let dir = "";
  const work = withScope("throws", async (scope) => {
    dir = scope.dir;
    throw new Error("boom");
  });
  await expect(work).rejects.toThrow("boom");
  expect(existsSync(dir)).toBe(false);
});

test("a process that does not heed SIGTERM is killed", async () => {
  const scope = await openScope("stubborn");
  const script = "trap '' TERM; touch ready; while true; do sleep 0.1; done";
  const running = await scope.start("stubborn", "sh", ["-c", script], {
    env: { PATH: process.env.PATH ?? "" },
    ready: () => existsSync(join(scope.dir, "ready")),
  });
  await scope.stop();
  expect(startOf(running.pid)).toBeUndefined();
});
