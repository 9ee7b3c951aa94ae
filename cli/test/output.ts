import { formatPosition } from "../../policy/finding.ts";
import type { CaseReport, CaseResult } from "../../testing/cases.ts";
import { bold, colored } from "../format/color.ts";
import { junit } from "../format/junit.ts";

export const TEST_FORMATS = ["text", "json", "junit"] as const;
export type TestFormat = (typeof TEST_FORMATS)[number];

/** The report in the format asked for. */
export function formatTests(report: CaseReport, format: TestFormat, color: boolean): string {
  switch (format) {
    case "text":
      return testText(report, color);
    case "json":
      return testJson(report);
    case "junit":
      return junit(
        "portreeve test",
        report.results.map((result) => ({
          name: nameOf(result),
          className: result.position?.file ?? "cases",
          ...(result.failure === undefined ? {} : { failure: failureText(result) }),
        })),
      );
  }
}

function testText({ results, untouched, grants }: CaseReport, color: boolean): string {
  const failed = results.filter(({ failure }) => failure !== undefined);
  const lines = failed.map((result) => colored("error", `✗ ${failureText(result)}`, color));
  const passed = results.length - failed.length;
  lines.push(
    bold(`${passed} of ${results.length} ${results.length === 1 ? "case holds" : "cases hold"}`, color),
  );
  lines.push(`${grants - untouched.length} of ${grants} grants are touched by a case`);
  if (untouched.length > 0) lines.push(...untouched.map((name) => `  no case touches Grant/${name}`));
  return `${lines.join("\n")}\n`;
}

function testJson({ results, untouched, grants }: CaseReport): string {
  const document = {
    version: 1,
    passed: results.every(({ failure }) => failure === undefined),
    cases: results.map((result) => ({
      name: nameOf(result),
      position: result.position ?? null,
      failure: result.failure ?? null,
      grants: result.grants,
    })),
    coverage: { grants, untouched },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function nameOf({ case: { name, from, to, expect } }: CaseResult): string {
  return name ?? `${from} → ${to}: ${expect}`;
}

function failureText({ position, failure }: CaseResult): string {
  return `${position ? `${formatPosition(position)}: ` : ""}${failure}`;
}
