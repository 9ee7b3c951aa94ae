/** Counts what Vitest ran, from its JSON report. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

export interface Count {
  readonly passed: number;
  readonly failed: number;
  /** What failed, by name, for the end of the output. */
  readonly failures: readonly string[];
}

export interface CountOptions {
  /** Does a skipped test count as a failed one? In CI it does: there, nothing may be left out silently. */
  readonly skippedFails: boolean;
}

/** The count of a report file; one failure when there is no report, for then Vitest did not get to its end. */
export function countReport(file: string, exitCode: number, options: CountOptions): Count {
  if (!existsSync(file)) return { passed: 0, failed: 1, failures: ["vitest ended without a report"] };
  let passed = 0;
  const failures: string[] = [];
  for (const { name, status, message, assertionResults } of report.parse(
    JSON.parse(readFileSync(file, "utf8")),
  ).testResults) {
    for (const test of assertionResults) {
      if (test.status === "passed") passed++;
      else if (test.status === "failed") failures.push(`${name}: ${test.fullName}`);
      else if (options.skippedFails) failures.push(`${name}: ${test.fullName} (${test.status})`);
    }
    // A file that could not be loaded, or whose hooks failed, has no failed test to show for it.
    const shown = assertionResults.some((test) => test.status === "failed");
    if (status === "failed" && !shown)
      failures.push(`${name}: ${message?.split("\n")[0] ?? "the file failed"}`);
  }
  // An error outside of every test (an unhandled rejection, say) shows only in the exit code.
  if (exitCode !== 0 && failures.length === 0) failures.push(`vitest ended with ${exitCode}`);
  return { passed, failed: failures.length, failures };
}

export function add(a: Count, b: Count): Count {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    failures: [...a.failures, ...b.failures],
  };
}
