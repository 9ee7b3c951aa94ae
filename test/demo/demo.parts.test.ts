/**
 * The main job as the README's first command runs it: the real Pulumi engine, the orders example; rendered to a folder, and
 * on a real API server with istiod's webhook and the AWS emulator. The kubernetes and aws providers are stand-ins.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../cluster/until.ts";

const root = join(import.meta.dirname, "../..");
let running: ChildProcess | undefined;

interface Demo {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

function startDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, [join(root, "scripts/demo.ts"), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  let text = "";
  child.stdout?.on("data", (chunk) => {
    text += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  const exit = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  return { child, output: () => text, exit };
}

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("portreeve-demo-"));

afterEach(() => {
  running?.kill("SIGKILL");
});

describe("npm run demo", () => {
  it("previews, creates, changes one grant, destroys, and leaves nothing", async () => {
    const before = folders();
    const demo = startDemo();
    expect(await demo.exit, demo.output()).toBe(0);
    const text = demo.output();
    expect(text).toMatch(/shop\/api +orders-db:5432 +proxy +backend-orders/);
    expect(text).toMatch(/analytics\/reports ✗ +catalog-db:3306 +sidecar +no-reports-catalog/);
    expect(text).toMatch(/pulumi up again: nothing changes.*\n\d+ same\n/);
    expect(text).toMatch(
      /shop\/api → orders-db:5432 +allowed: the answer is "select 1"\n.*"rule":"backend-orders"/,
    );
    expect(text).toMatch(
      /without a grant → orders-db:5432 +refused before.*\n.*"reason":"no-grant-for-workload"/,
    );
    expect(text).toMatch(/update +shop-shop\.worker-Sidecar\.shop\.worker/);
    expect(text).toMatch(/Access gained:\n.*\n +shop\/worker +cache:6379 +proxy +api-cache\n/);
    expect(text).toMatch(/\d+ delete\n\n.*nothing is left behind/);
    expect(folders().filter((name) => !before.includes(name))).toEqual([]);
  });

  it("does the same on a real API server with Istio's webhook, and with the AWS emulator", async () => {
    const demo = startDemo("--cluster");
    expect(await demo.exit, demo.output()).toBe(0);
    expect(demo.output()).toMatch(/In the cluster: .*5 ServiceEntry.*4 AuthorizationPolicy/);
    expect(demo.output()).toMatch(/pulumi up again: nothing changes.*\n\d+ same\n/);
    expect(demo.output()).toMatch(/nothing is left behind/);
  });

  it("works again after it was killed midway, and the killed one leaves no process and no folder", async () => {
    const killed = startDemo();
    await until("the first up to begin", 120, () => killed.output().includes("▸ pulumi up "));
    const left = folders();
    killed.child.kill("SIGKILL");
    await killed.exit;
    const again = startDemo();
    expect(await again.exit, again.output()).toBe(0);
    await until("the killed run's folders to go", 60, () => !folders().some((name) => left.includes(name)));
  });
});
