/** Bash's script is run by bash. zsh and fish are no part of the tests' needs: of theirs only the text is looked at. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram } from "../program.ts";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { shapeOf } from "./shape.ts";
import { zshCompletion } from "./zsh.ts";

const shape = shapeOf(buildProgram(() => {}));
const names = shape.map(({ name }) => name);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "portreeve completion-"));
  writeFileSync(join(folder, "script.bash"), bashCompletion(shape));
  for (const name of ["policies.yaml", "two words.yaml", "proxy.yaml"]) writeFileSync(join(folder, name), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers when tab is pressed after these words; the last one is being typed. */
function complete(...words: string[]): string[] {
  const script = `set -u
source ./script.bash
registered="$(complete -p portreeve)" && [[ "$registered" == *"-F _portreeve portreeve" ]] || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$(( $# - 1 ))
_portreeve
printf '%s\\n' "\${COMPREPLY[@]+"\${COMPREPLY[@]}"}"`;
  const out = execFileSync("bash", ["--norc", "-c", script, "bash", "portreeve", ...words], {
    cwd: folder,
    encoding: "utf8",
  });
  return out
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

describe("completion in bash", () => {
  it("offers every command, and those that start as typed", () => {
    expect(complete("")).toEqual([...names, "--help", "--version"].sort());
    expect(complete("comp")).toEqual(["completion"]);
  });

  it("offers the options of the command", () => {
    for (const { name, options } of shape) {
      expect(complete(name, "--"), name).toEqual(
        options
          .flatMap(({ flags }) => flags)
          .filter((flag) => flag.startsWith("--"))
          .sort(),
      );
    }
    expect(complete("lint", "--fi")).toEqual(["--fix"]);
  });

  it("offers the values of an option, and only those", () => {
    expect(complete("lint", "--format", "")).toEqual(["json", "sarif", "text"]);
    expect(complete("init", "--data-plane", "s")).toEqual(["sidecar"]);
    expect(complete("lint", "--now", "")).toEqual([]);
    expect(complete("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  it("offers files where there are files, with spaces in their names", () => {
    expect(complete("lint", "p")).toEqual(["policies.yaml", "proxy.yaml"]);
    expect(complete("lint", "two")).toEqual(["two words.yaml"]);
    expect(complete("proxy", "--config", "prox")).toEqual(["proxy.yaml"]);
  });

  it("offers nothing for a command that there is not", () => {
    expect(complete("nosuch", "")).toEqual([]);
  });
});

describe("completion scripts of the other shells", () => {
  it.each([
    ["zsh", zshCompletion(shape)],
    ["fish", fishCompletion(shape)],
  ])("%s: names every command, option and value, with quotes in pairs", (_, script) => {
    for (const { name, options } of shape) {
      expect(script).toContain(name);
      for (const { flags, value } of options) {
        for (const flag of flags) expect(script).toContain(flag.replace(/^-+/, ""));
        if (value.type === "words") expect(script).toContain(value.words.join(" "));
      }
    }
    for (const line of script.split("\n").filter((text) => !text.startsWith("#"))) {
      expect(line.replaceAll("'\\''", "").replaceAll("\\'", "").split("'").length % 2, line).toBe(1);
    }
  });
});
