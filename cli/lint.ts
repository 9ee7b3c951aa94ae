import { compileAll } from "../policy/compile/index.ts";
import { type Finding, PolicyError, type Severity } from "../policy/finding.ts";
import { lint } from "../policy/lint/index.ts";
import { loadPolicySet } from "../policy/load/index.ts";
import type { Model } from "../policy/model/types.ts";
import { EXIT } from "./exit.ts";
import { findingsJson } from "./format/findings-json.ts";
import { findingsSarif } from "./format/findings-sarif.ts";
import { findingsText } from "./format/findings-text.ts";
import { version } from "./version.ts";

export const LINT_FORMATS = ["text", "json", "sarif"] as const;
export type LintFormat = (typeof LINT_FORMATS)[number];

/** What lint found, and the digest of what it looked at; null when the policies could not be read. */
export interface LintResult {
  readonly findings: readonly Finding[];
  readonly digest: string | null;
}

/** Guardrails and compilers over a policy set. What makes it unreadable is told the same way, as findings. */
export function lintPaths(paths: readonly string[], now: number): LintResult {
  try {
    const { model, documents } = loadPolicySet({ paths });
    const findings = lint(model, { now, sources: documents, compiled: compilerFindings(model) });
    return { findings, digest: model.digest };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { findings: error.findings, digest: null };
  }
}

/** What the compilers say, of all clusters; what they say of several clusters in the same words, once. */
function compilerFindings(model: Model): Finding[] {
  const once = new Map<string, Finding>();
  for (const cluster of model.trust.spec.clusters) {
    for (const finding of compileAll({ model, cluster }).findings) {
      once.set(`${finding.rule} ${finding.object} ${finding.message}`, finding);
    }
  }
  return [...once.values()];
}

/** The result in the format asked for. */
export function formatLint({ findings, digest }: LintResult, format: LintFormat, color: boolean): string {
  switch (format) {
    case "text":
      return findingsText(findings, color);
    case "json":
      return findingsJson(findings, digest);
    case "sarif":
      return findingsSarif(findings, version(), digest !== null);
  }
}

/** 2 when the policies could not be read, 1 when something is as bad as `failOn`, else 0. */
export function lintExit({ findings, digest }: LintResult, failOn: Exclude<Severity, "info">): number {
  if (digest === null) return EXIT.failed;
  const bad = findings.some(
    ({ severity }) => severity === "error" || (failOn === "warning" && severity === "warning"),
  );
  return bad ? EXIT.found : EXIT.ok;
}
