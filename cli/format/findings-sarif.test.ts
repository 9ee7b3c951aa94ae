import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../policy/finding.ts";
import { ruleInfo } from "../../policy/lint/index.ts";
import { findingsSarif } from "./findings-sarif.ts";

const finding: Finding = {
  rule: "PR501",
  severity: "error",
  message: "x is to accept clients without a certificate",
  fix: "set it",
  object: "Service/x",
  position: { file: "policies/a b/ü.yaml", line: 3, col: 7 },
};

const parsed = (findings: readonly Finding[], complete = true) =>
  JSON.parse(findingsSarif(findings, "1.2.3", complete));

/** The published schema, draft-04; a later draft reads it the same but for the name of its own id. */
function schema(): object {
  const path = createRequire(import.meta.url).resolve(
    "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json",
  );
  const { id: _, $schema: __, ...rest } = JSON.parse(readFileSync(path, "utf8"));
  return rest;
}

describe("findings as SARIF", () => {
  const validate = new Ajv({
    strict: false,
    validateFormats: false,
    unicodeRegExp: false,
    allErrors: true,
  }).compile(schema());

  it.each<[string, Finding[]]>([
    ["none", []],
    ["one", [finding]],
    [
      "one of every rule, with and without place, object and fix",
      [...ruleInfo.keys()].flatMap((rule): Finding[] => [
        { ...finding, rule },
        { rule, severity: "info", message: "m" },
        { rule, severity: "warning", message: "m", object: "Service/x" },
      ]),
    ],
    ["an unknown rule", [{ ...finding, rule: "PR999" }]],
  ])("%s: is valid by the published schema of SARIF 2.1.0", (_, findings) => {
    validate(parsed(findings));
    expect(validate.errors).toBeNull();
  });

  it("the schema refuses what is not SARIF, so that passing it means something", () => {
    const log = parsed([finding]);
    log.runs[0].results[0].level = "fatal";
    expect(validate(log)).toBe(false);
  });

  it("names rule, level, place and object; the place is a relative URI with escapes", () => {
    const [run] = parsed([finding]).runs;
    expect(run.results[0]).toMatchObject({
      ruleId: "PR501",
      ruleIndex: 0,
      level: "error",
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "policies/a%20b/%C3%BC.yaml" },
            region: { startLine: 3, startColumn: 7 },
          },
          logicalLocations: [{ fullyQualifiedName: "Service/x" }],
        },
      ],
    });
    expect(run.tool.driver.rules[0]).toMatchObject({ id: "PR501", defaultConfiguration: { level: "error" } });
  });

  it("keeps a finding's fingerprint when it moves, and changes it with the message", () => {
    const print = (changed: Partial<Finding>) =>
      parsed([{ ...finding, ...changed }]).runs[0].results[0].partialFingerprints;
    expect(print({ position: { file: "b.yaml", line: 9, col: 9 } })).toEqual(print({}));
    expect(print({ message: "other" })).not.toEqual(print({}));
  });

  it("says when the policies could not be read", () => {
    expect(parsed([], false).runs[0].invocations[0].executionSuccessful).toBe(false);
  });
});
