/**
 * The people's demo as a user runs it. That each step came to what it should is checked by the demo itself, which fails when
 * one does not; here: that it ends with 0, shows the steps, leaves nothing, and that what `--keep` prints can be typed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../cluster/until.ts";
import { run } from "../toolchain/run.ts";

const root = join(import.meta.dirname, "../..");
let running: ChildProcess | undefined;

interface Demo {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

function startDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, [join(root, "scripts/demo.ts"), "--people", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      text += chunk;
    });
  // Not `exit`: what was printed last may still be on its way then.
  const exit = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  return { child, output: () => text, exit };
}

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("portreeve-people-demo-"));

afterEach(() => {
  running?.kill("SIGKILL");
});

describe("npm run demo -- --people", () => {
  it("signs in, connects, is refused with the reason, kills an agent, finds it all in the records; --keep leaves it to be tried", async () => {
    const before = folders();
    const demo = startDemo("--keep");
    await until(
      "the demo's end of steps",
      180,
      () => demo.output().includes("Running until Ctrl-C"),
      () => (demo.child.exitCode === null ? undefined : `it ended with ${demo.child.exitCode}`),
      demo.output,
    );
    const text = demo.output();
    expect(text).toMatch(/^\$ portreeve login --device .*\n[\s\S]*signed in as okta:alice@example\.com; 2 /m);
    expect(text).toMatch(/^\$ portreeve connect orders-db -- psql .* 'select 1'\n.*\n-+\n +1\n\(1 row\)/m);
    expect(text).toMatch(/refused: you may not reach cache:6379 now .*\n +missing: group okta:operators/);
    expect(text).toMatch(/refused: you may not reach reports-db:5432 now \(no-grant-for-person\)/);
    expect(text).toMatch(/refused by the proxy: too many connections/);
    expect(text).toMatch(/2 connections ended, and refused from now on/);
    expect(text).toMatch(
      /okta:alice@example\.com +\["okta:dba"\] +triage +orders-db:5432 +allow +triage-orders +[0-9a-f]{12} +revoked/,
    );

    const typed = (command: RegExp): string => {
      const found = command.exec(text)?.[0];
      if (found === undefined) throw new Error(`${command} is not among what is to be typed:\n${text}`);
      return found;
    };
    const shell = (...commands: string[]): Promise<string> => run("sh", ["-ec", commands.join("\n")]);
    const there = [
      typed(/^ {2}cd .*$/m),
      typed(/^ {2}export PATH=.*$/m),
      typed(/^ {2}export PORTREEVE_HOME=.*$/m),
    ];
    expect(
      await shell(
        ...there,
        `${typed(/^ {2}portreeve connect orders-db -- psql -U postgres$/m)} -Atc 'select 6'`,
      ),
    ).toBe("6\n");
    const letIn = typed(/^ {2}portreeve revoke .*$/m);
    const asAgent = `${typed(/^ {2}portreeve connect orders-db --context triage -- psql -U postgres/m)} -Atc 'select 7'`;
    await expect(shell(...there, asAgent)).rejects.toThrow("withdrawn by an operator");
    expect(await shell(...there, letIn, asAgent)).toMatch(/^7$/m);
    expect(await shell(...there, typed(/^ {2}git -C policies show .*$/m))).toContain("name: dba-orders");

    demo.child.kill("SIGINT");
    expect(await demo.exit, demo.output()).toBe(0);
    expect(folders().filter((name) => !before.includes(name))).toEqual([]);
  });

  it("refuses to be mixed with the cluster's demo", async () => {
    const demo = startDemo("--cluster");
    expect(await demo.exit).toBe(1);
    expect(demo.output()).toContain("--people needs no cluster");
  });
});
