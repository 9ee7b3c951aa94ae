/**
 * The part of the first day that needs nothing but this package, typed as its page has it: in an empty folder under git, with the
 * files that the page shows. Every command ends and prints as shown.
 *
 * Not run here: what the page shows as a `console`, which needs Bun and a database, or the demo of people and agents. Those run in
 * tests of their own: test/proxy and test/demo.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { missing, steps } from "./commands.ts";
import { blocks, read } from "./markdown.ts";
import { Shell } from "./shell.ts";

const PAGE = "docs/first-day.md";
let shell: Shell;
beforeAll(() => {
  shell = new Shell();
});
afterAll(() => shell.remove());

test("the commands of the first day end and print as its page says", () => {
  const cwd = join(shell.home, "infra");
  mkdirSync(cwd);
  shell.git(cwd, "init", "--quiet", "--initial-branch", "main");
  const text = read(PAGE);
  // A file to write stands before the commands that are about it.
  const files = blocks(text).flatMap((block) => {
    const [, name] = /^# (\S+\.yaml)\n/.exec(block.text) ?? [];
    return block.language === "yaml" && name !== undefined ? [{ ...block, name }] : [];
  });
  const all = steps(text);
  expect(all.length).toBeGreaterThan(4);
  let ran = 0;
  for (const { commands, expected } of all) {
    let printed = "";
    for (const { text, line, exitCode } of commands) {
      while (files[0] && files[0].line < line) {
        const { name, text } = files[0];
        writeFileSync(join(cwd, name), `${text}\n`, { flag: "wx" });
        files.shift();
      }
      const { status, output } = shell.run(text, cwd);
      expect(status, `${PAGE}:${line}: ${text}\n${output}`).toBe(exitCode);
      printed += output;
      ran++;
    }
    expect(missing(expected, printed), `${PAGE}, shown but not printed in:\n${printed}`).toBeUndefined();
  }
  expect(files).toEqual([]);
  expect(ran).toBeGreaterThan(12);
});
