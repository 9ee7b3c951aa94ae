import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "../program.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-nothing-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function audit(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  const take = (to: "out" | "err") => (text: unknown) => {
    said[to] += String(text);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(take("out")),
    vi.spyOn(process.stderr, "write").mockImplementation(take("err")),
    vi.spyOn(console, "error").mockImplementation(take("err")),
  ];
  try {
    return { code: await run(["audit", ...words]), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe("a file without records", () => {
  it.each([
    ["emptied", ""],
    ["binary", "\u0000\u0001\u00ff\u0002"],
  ])("is not verified: %s", async (name, text) => {
    const file = join(dir, `${name}.jsonl`);
    writeFileSync(file, text, "latin1");
    const { code, err } = await audit("verify", file);
    expect(code).toBe(2);
    expect(err).toContain("nothing was verified");
  });

  it("is told by a query that finds nothing", async () => {
    const file = join(dir, "other.jsonl");
    writeFileSync(file, '{"level":"info"}\n');
    const { code, err } = await audit("query", file);
    expect(code).toBe(0);
    expect(err).toContain(`no record is in ${file}`);
  });
});
