import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { policyPaths } from "./policy-paths.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portreeve-paths-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it("takes what is named, whatever else is there", () => {
  mkdirSync(join(folder, "policies"));
  expect(policyPaths("lint", ["infra"], folder)).toEqual(["infra"]);
});

it("takes the folder policies/ where nothing is named", () => {
  mkdirSync(join(folder, "policies"));
  expect(policyPaths("lint", [], folder)).toEqual(["policies"]);
});

it("says how to begin where there is none", () => {
  expect(() => policyPaths("lint", [], folder)).toThrow("portreeve init writes a first one");
});
