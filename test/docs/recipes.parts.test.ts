/**
 * Every command of the recipes, run as a reader would: in bash, in a copy of the recipe's folder that is under git, with
 * `portreeve` on the PATH. It ends with the exit code that the page states, and prints what the page shows.
 *
 * Not run: what is marked `# needs …`, because there is no cluster, account or sign-in here. Only commands that reach out for such a
 * thing may be marked.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missing, steps } from "./commands.ts";
import { pages, ROOT, read } from "./markdown.ts";
import { Shell } from "./shell.ts";

const recipes = pages().filter((page) => /^docs\/recipes\/(?!README)/.test(page));
const REACHES_OUT =
  /^(kubectl|pulumi|portreeve (connect|revoke|login)|portreeve drift .*--kubeconfig|portreeve proxy --config \S+ #)/;

let shell: Shell;
beforeAll(() => {
  shell = new Shell();
});
afterAll(() => shell.remove());

function checkout(name: string): string {
  const folder = join(shell.home, name);
  cpSync(join(ROOT, "examples/recipes", name), folder, { recursive: true });
  shell.git(folder, "init", "-q", "-b", "main");
  shell.git(folder, "add", ".");
  shell.git(folder, "commit", "-qm", "policies");
  return folder;
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
        const { status, output } = shell.run(text, cwd);
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
