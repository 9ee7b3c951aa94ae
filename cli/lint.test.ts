import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { documentText, NOW, serviceText, TRUST } from "../test/lint/breaches.ts";
import { useColor } from "./format/color.ts";
import { formatLint, lintExit, lintPaths } from "./lint.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "portreeve-lint-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const result = (text: string) => {
  writeFileSync(join(folder, "p.yaml"), text);
  return lintPaths([folder], NOW);
};
const clean =
  TRUST +
  "---\n" +
  serviceText(
    "db",
    "{ protocol: postgres, hosts: [db.example.com], ports: [5432], location: { type: external } }",
  ) +
  documentText("Workload", "shop/api", "{ selector: { app: api }, groups: [backend] }") +
  documentText("Group", "backend", "{ members: {} }") +
  documentText("Grant", "api-db", "{ from: { groups: [backend] }, to: { service: db }, owner: shop }");
const warned = clean.replace(", owner: shop", "");
const wrong = warned.replace("groups: [backend] }, to", "groups: [backend], cidrs: [0.0.0.0/0] }, to");

describe("lint", () => {
  it.each([
    ["clean policies", clean, 0, 0],
    ["a warning", warned, 0, 1],
    ["an error", wrong, 1, 1],
    ["policies that cannot be read", `${clean}---\nkind: [`, 2, 2],
    ["an unknown reference", clean.replace("service: db", "service: dbx"), 2, 2],
  ])("%s: exit code by --fail-on error and warning", (_, text, error, warning) => {
    expect(lintExit(result(text), "error")).toBe(error);
    expect(lintExit(result(text), "warning")).toBe(warning);
  });

  it("tells what the compilers refuse too, once for all clusters", () => {
    const gateway = clean.replace("{ type: external }", "{ type: external, egress: gateway }");
    const rules = result(gateway)
      .findings.filter(({ severity }) => severity === "error")
      .map(({ rule, message }) => `${rule} ${message}`);
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.length).toBe(new Set(rules).size);
    expect(rules.join()).toContain("egress gateway");
  });

  it("writes the same findings as text, JSON and SARIF", () => {
    const found = result(wrong);
    const text = formatLint(found, "text", false);
    const json = JSON.parse(formatLint(found, "json", false));
    const sarif = JSON.parse(formatLint(found, "sarif", false));
    expect(json).toMatchObject({ version: 1, digest: found.digest, counts: { error: 1 } });
    expect(sarif.runs[0].results).toHaveLength(json.findings.length);
    for (const { position, severity, rule, message } of json.findings) {
      expect(text).toContain(
        `${position.file}:${position.line}:${position.col}: ${severity} ${rule}: ${message}`,
      );
    }
    expect(text).toMatch(/\n1 error, \d+ warnings?, \d+ for information\n$/);
  });

  it("has a null digest in JSON when the policies could not be read", () => {
    expect(JSON.parse(formatLint(result("kind: x"), "json", false))).toMatchObject({
      digest: null,
      counts: { error: 1 },
    });
  });
});

describe("colour", () => {
  const terminal = { isTTY: true };
  it("is for terminals only, and not with NO_COLOR or a dumb one", () => {
    expect(useColor(terminal, {})).toBe(true);
    expect(useColor({}, {})).toBe(false);
    expect(useColor(terminal, { NO_COLOR: "1" })).toBe(false);
    expect(useColor(terminal, { NO_COLOR: "" })).toBe(true);
    expect(useColor(terminal, { TERM: "dumb" })).toBe(false);
  });

  it("changes nothing but escape codes", () => {
    const found = result(wrong);
    const plain = formatLint(found, "text", false);
    const colored = formatLint(found, "text", true);
    expect(colored).not.toBe(plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes start with one.
    expect(colored.replace(/\u001b\[\d+m/g, "")).toBe(plain);
  });
});
