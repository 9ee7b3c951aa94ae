import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { run } from "../program.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-json-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function json(...words: string[]): Promise<{ code: number; value: Record<string, unknown> }> {
  let out = "";
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    const code = await run([...words, "--json"]);
    return { code, value: JSON.parse(out) };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

it("init and render say what they wrote", async () => {
  const policies = join(dir, "policies");
  const init = await json("init", policies);
  expect(init.code).toBe(0);
  expect((init.value.written as string[]).every((file) => existsSync(file))).toBe(true);
  const out = join(dir, "out");
  const rendered = await json("render", policies, "--out", out);
  expect(rendered).toMatchObject({ code: 0, value: { version: 1, out, clusters: ["main"], missing: [] } });
  expect(rendered.value.files).toBeGreaterThan(5);
});

it("import says what it found, and writes only what it says is written", async () => {
  const file = join(dir, "objects.yaml");
  writeFileSync(
    file,
    `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio-injection: enabled } }
`,
  );
  const out = join(dir, "imported");
  const { code, value } = await json("import", file, "--out", out);
  expect(code).toBe(1);
  expect(value).toMatchObject({ version: 1, written: false });
  expect(existsSync(out)).toBe(false);
});
