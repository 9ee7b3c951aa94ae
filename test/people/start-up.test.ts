/** What every command pays for at its start. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";

const PROGRAM = pathToFileURL(join(import.meta.dirname, "../../cli/program.ts")).href;
const LAZY = /^(openid-client|@modelcontextprotocol\/sdk|@napi-rs\/keyring|@aws-sdk\/|@smithy\/)/;

describe("the start of any command", () => {
  it("loads nothing that only signing in, MCP or AWS need", () => {
    const script = `
      import { registerHooks } from "node:module";
      const seen = [];
      registerHooks({ resolve: (specifier, context, next) => { seen.push(specifier); return next(specifier, context); } });
      const { buildProgram } = await import(${JSON.stringify(PROGRAM)});
      buildProgram(() => {});
      console.log(JSON.stringify(seen));
      await import("openid-client");
      console.log(JSON.stringify(seen));`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      cwd: join(import.meta.dirname, "../.."),
    });
    const [atStart = [], afterwards = []] = out
      .trim()
      .split("\n")
      .map((line): string[] => JSON.parse(line));
    expect(atStart).toContain("commander");
    expect(atStart.filter((specifier) => LAZY.test(specifier))).toEqual([]);
    // The look-out sees such a package when it is loaded.
    expect(afterwards.filter((specifier) => LAZY.test(specifier))).not.toEqual([]);
  });
});
