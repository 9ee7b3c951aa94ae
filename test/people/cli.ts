/** The command as its users run it: a process of its own, with a home of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../cluster/until.ts";

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Result>;
}

/** One user's command line. */
export interface Person {
  readonly home: string;
  run(...args: string[]): Promise<Result>;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Started;
}

export const MAIN = join(import.meta.dirname, "../../cli/main.ts");

/** @param user who signs in when a browser is opened */
export function personIn(dir: string, user: string): Person {
  const home = join(dir, `home-${user}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const browser = join(dir, `browser-${user}.sh`);
  const program = join(import.meta.dirname, "browser.ts");
  writeFileSync(browser, `#!/bin/sh\nexec '${process.execPath}' '${program}' '${user}' "$1"\n`);
  chmodSync(browser, 0o755);
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    PORTREEVE_HOME: home,
    PORTREEVE_CREDENTIAL_STORE: "file",
    PORTREEVE_DEBUG: "1",
    BROWSER: browser,
    LC_ALL: "C",
  };
  const start: Person["start"] = (args, env = {}) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...environment, ...env },
      cwd: dir,
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
    });
    const ended = new Promise<Result>((done) => {
      child.once("close", (code, signal) => done({ code, signal, stdout, stderr }));
    });
    return { child, stdout: () => stdout, stderr: () => stderr, ended };
  };
  return { home, start, run: (...args) => start(args).ended };
}

/** Waits until the text that a process wrote has this in it, and returns the match. */
export function seen(
  started: Started,
  pattern: RegExp,
  from: "stdout" | "stderr" = "stdout",
): Promise<RegExpExecArray> {
  return until(
    `${pattern} in ${from}`,
    30,
    () => pattern.exec(started[from]()) ?? undefined,
    () => (started.child.exitCode === null ? undefined : `it ended with ${started.child.exitCode}`),
    () => `${started.stdout()}${started.stderr()}`,
  );
}
