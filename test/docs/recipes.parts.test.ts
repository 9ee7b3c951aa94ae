/**
 * Every command of the recipes, run as a reader would: in bash, in a copy of the recipe's folder that is under git, with
 * `portreeve` on the PATH. It ends with the exit code that the page states, and prints what the page shows.
 *
 * Not run: what is marked `# needs …`, because there is no cluster, account or sign-in here. Only commands that reach out for such a
 * thing may be marked.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missing, steps } from "./commands.ts";
import { pages, ROOT, read } from "./markdown.ts";

const recipes = pages().filter((page) => /^docs\/recipes\/(?!README)/.test(page));
const REACHES_OUT =
  /^(kubectl|pulumi|portreeve (connect|revoke|login)|portreeve drift .*--kubeconfig|portreeve proxy --config \S+ #)/;

let home = "";
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "portreeve-recipes-"));
  mkdirSync(join(home, "bin"));
  const command = join(home, "bin/portreeve");
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" --no-warnings "${ROOT}/cli/main.ts" "$@"\n`);
  chmodSync(command, 0o755);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function checkout(name: string): string {
  const folder = join(home, name);
  cpSync(join(ROOT, "examples/recipes", name), folder, { recursive: true });
  const git = (...args: string[]): void => {
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
      cwd: folder,
      env: {
        ...process.env,
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_AUTHOR_DATE: "2026-06-01T00:00:00Z",
        GIT_COMMITTER_DATE: "2026-06-01T00:00:00Z",
      },
    });
  };
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "policies");
  return folder;
}

function run(command: string, cwd: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", command], {
    cwd,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${join(home, "bin")}${delimiter}${process.env["PATH"]}`,
      NO_COLOR: "1",
      TZ: "UTC",
    },
  });
  return { status, output: `${stdout}\n${stderr}` };
}

describe.each(recipes)("%s", (page) => {
  test("its commands end and print as it says", () => {
    const cwd = checkout(page.replace(/^docs\/recipes\/(.*)\.md$/, "$1"));
    const all = steps(read(page));
    expect(all.length).toBeGreaterThan(0);
    for (const { commands, expected } of all) {
      let printed = "";
      for (const { text, line, exitCode, needs } of commands) {
        if (needs !== undefined) {
          expect(text, `${page}:${line} is not run`).toMatch(REACHES_OUT);
          continue;
        }
        const { status, output } = run(text, cwd);
        expect(status, `${page}:${line}: ${text}\n${output}`).toBe(exitCode);
        printed += output;
      }
      expect(missing(expected, printed), `${page}, shown but not printed in:\n${printed}`).toBeUndefined();
    }
  });
});

test("a line that was not printed, or out of order, is noticed", () => {
  expect(missing(["a  b", "c"], "x a b y\nc\n")).toBeUndefined();
  expect(missing(["c", "a b"], "a b\nc\n")).toBe("a b");
  expect(missing(["d"], "a b\nc\n")).toBe("d");
});
