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

  it("is told apart from records of which none fits, with the services that there are", async () => {
    const file = join(dir, "some.jsonl");
    const record = {
      time: "2026-11-21T12:00:00Z",
      event: "close",
      connection: "1",
      "dst.service": "orders-db",
      "dst.port": 5432,
    };
    writeFileSync(file, `${JSON.stringify(record)}\n`);
    const { code, err } = await audit("query", file, "--service", "orders-bd");
    expect(code).toBe(0);
    expect(err).toContain("no record fits. The services in these records: orders-db");
    expect((await audit("query", file, "--service", "orders-db")).err).toBe("");
  });

  it("is not asked for a column that records do not have", async () => {
    const { code, err } = await audit("query", join(dir, "some.jsonl"), "--columns", "time,src_usr");
    expect(code).toBe(2);
    expect(err).toContain('"src_usr" is no column of records; did you mean "src_user"?');
  });
});

describe("a report, or a suggestion", () => {
  it.each(["report", "suggest"])("says what it was not given: %s", async (command) => {
    const policies = join(dir, "policies");
    const { code, err } = await audit(command, "--policies", policies);
    expect(code).toBe(2);
    expect(err).toContain(`${command}: which records?`);
  });
});
