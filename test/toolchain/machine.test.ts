import { expect, test } from "vitest";
import { alive, atLeast, startOf, versionIn } from "./machine.ts";

test.each([
  ["3.259.0", "3.250.0", true],
  ["3.250.0", "3.250.0", true],
  ["3.249.9", "3.250.0", false],
  ["10.0", "9.9.9", true],
  ["4", "3.4.0", true],
  ["3.4", "3.4.0", true],
])("version %s is at least %s: %s", (have, want, expected) => {
  expect(atLeast(have, want)).toBe(expected);
});

test.each([
  ["v3.259.0\n", "3.259.0"],
  ["go version go1.26.8 linux/amd64", "1.26.8"],
  ["initdb (PostgreSQL) 15.18", "15.18"],
  ["no version", undefined],
  [undefined, undefined],
])("the version in %j", (text, version) => {
  expect(versionIn(text)).toBe(version);
});

test("a process is known by its pid and its start together", () => {
  const start = startOf(process.pid) ?? "";
  expect(alive(process.pid, start)).toBe(true);
  expect(alive(process.pid, `${start}1`)).toBe(false);
});
