import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { add, countReport } from "./vitest-report.ts";

const dir = mkdtempSync(join(tmpdir(), "portreeve-report-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const file = join(dir, "report.json");
const count = (testResults: unknown, exitCode = 0, skippedFails = true) => {
  writeFileSync(file, JSON.stringify({ testResults }));
  return countReport(file, exitCode, { skippedFails });
};
const results = (...statuses: string[]) => statuses.map((status, i) => ({ status, fullName: `test ${i}` }));

test("tests are counted one by one", () => {
  const found = count(
    [{ name: "a", status: "failed", assertionResults: results("passed", "failed", "passed") }],
    1,
  );
  expect(found).toEqual({ passed: 2, failed: 1, failures: ["a: test 1"] });
});

test.each(["skipped", "pending", "todo"])(
  "a test that is %s counts as failed where nothing may be skipped",
  (status) => {
    const one = [{ name: "a", status: "passed", assertionResults: results("passed", status) }];
    expect(count(one)).toMatchObject({ passed: 1, failed: 1 });
    expect(count(one, 0, false)).toMatchObject({ passed: 1, failed: 0 });
  },
);

test("a file that cannot be loaded counts as one failure", () => {
  const broken = { name: "a", status: "failed", message: "SyntaxError: x\n at y", assertionResults: [] };
  expect(count([broken], 1)).toEqual({ passed: 0, failed: 1, failures: ["a: SyntaxError: x"] });
});

test("a hook that fails counts, though each of its tests is only skipped or passed", () => {
  const hook = { name: "a", status: "failed", message: "afterAll", assertionResults: results("passed") };
  expect(count([hook], 1)).toMatchObject({ passed: 1, failed: 1 });
});

test("an error outside of every test counts", () => {
  expect(count([{ name: "a", status: "passed", assertionResults: results("passed") }], 1)).toMatchObject({
    failed: 1,
  });
});

test("no report is a failure", () => {
  expect(countReport(join(dir, "none.json"), 0, { skippedFails: true })).toMatchObject({
    passed: 0,
    failed: 1,
  });
});

test("counts add up", () => {
  const a = { passed: 1, failed: 1, failures: ["x"] };
  expect(add(a, a)).toEqual({ passed: 2, failed: 2, failures: ["x", "x"] });
});
