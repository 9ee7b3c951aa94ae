/** What holds for every command, of today and tomorrow: the tests walk the program as it is. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { buildProgram, run } from "./program.ts";

/** The help of a command as it is printed, with what is added after the options. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false });
  command.outputHelp();
  return text;
}
const program = buildProgram(() => {});
const commands = program.commands.map((command) => [command.name(), command] as const);
/** Flags that a command takes; `--help` is of every one, the program's `--version` of none. */
const flagsOf = (command: Command): string[] =>
  ["--help", ...command.options.flatMap(({ long, short }) => [long, short])].filter(
    (flag) => flag !== undefined,
  ) as string[];

describe.each(commands)("%s --help", (name, command) => {
  const help = helpOf(command);

  it("has examples of the command itself", () => {
    expect(help).toMatch(/\nExamples:\n/);
    expect(help.split("Examples:")[1]).toContain(`portreeve ${name}`);
  });

  it("tells the exit codes", () => {
    expect(help).toMatch(/Exit codes?[ :]/);
  });

  it("has examples with options that exist only", () => {
    const examples = help.split("Examples:")[1] ?? "";
    for (const line of examples.split("\n").filter((text) => text.includes(`portreeve ${name} `))) {
      const [, own = ""] = line.split(`portreeve ${name} `);
      const given = (own.split(/ {3,}|[|>)]/)[0] ?? "").match(/(?<= |^)--[a-z][a-z-]*/g) ?? [];
      for (const flag of given) expect(flagsOf(command), line).toContain(flag);
    }
  });

  it("describes the command, its arguments and its options", () => {
    expect(command.description()).toMatch(/\.$/);
    for (const option of command.options) expect(option.description, option.flags).not.toBe("");
    for (const argument of command.registeredArguments)
      expect(argument.description, argument.name()).not.toBe("");
  });
});

describe("the program", () => {
  it("has an example and the exit codes in its own help", () => {
    expect(helpOf(program)).toMatch(/Examples:[\s\S]*Exit code: 0 .*, 1 .*, 2 /);
  });

  it("takes --json wherever there is a format for programs", () => {
    const withFormat = program.commands.filter(({ options }) =>
      options.some(({ long, argChoices }) => long === "--format" && argChoices?.includes("json")),
    );
    expect(withFormat.map((command) => command.name())).toEqual(
      expect.arrayContaining(["access", "decide", "lint", "reach", "validate"]),
    );
    for (const command of withFormat) expect(flagsOf(command), command.name()).toContain("--json");
  });

  it("answers --help with 0 and a wrong option with 2, for every command", async () => {
    const [log, error] = [process.stdout.write, process.stderr.write];
    process.stdout.write = () => true;
    process.stderr.write = () => true;
    try {
      for (const [name] of commands) {
        expect(await run([name, "--help"]), name).toBe(0);
        expect(await run([name, "--no-such-option"]), name).toBe(2);
      }
    } finally {
      process.stdout.write = log;
      process.stderr.write = error;
    }
  });

  // Where it is decided whether there is colour, NO_COLOR is asked: cli/lint.test.ts.
  it("decides about colour in one place", () => {
    const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).filter((file) =>
      /(?<!\.test)\.ts$/.test(file),
    );
    const deciding = files.filter((file) =>
      /stdout\.isTTY|env\b.*NO_COLOR/.test(readFileSync(join(import.meta.dirname, file), "utf8")),
    );
    expect(deciding).toEqual(["format/color.ts"]);
  });
});
