import { compileAll } from "../policy/compile/index.ts";
import { compareFindings, type Finding, PolicyError, type Severity } from "../policy/finding.ts";
import { lint } from "../policy/lint/index.ts";
import { readPolicyFiles } from "../policy/load/files.ts";
import { loadPolicySet, type PolicySources } from "../policy/load/index.ts";
import type { Model } from "../policy/model/types.ts";
import { EXIT } from "./exit.ts";
import { findingsJson } from "./format/findings-json.ts";
import { findingsSarif } from "./format/findings-sarif.ts";
import { findingsText } from "./format/findings-text.ts";
import { isOrdinary, lintMesh } from "./lint-mesh.ts";
import { version } from "./version.ts";

export const LINT_FORMATS = ["text", "json", "sarif"] as const;
export type LintFormat = (typeof LINT_FORMATS)[number];

/** What lint found, and the digest of the policies that it looked at; null when there are none, or they could not be read. */
export interface LintResult {
  readonly findings: readonly Finding[];
  readonly digest: string | null;
  /** True when something could not be read, so that the rest of it was not judged. */
  readonly unreadable: boolean;
}

/**
 * Guardrails and compilers over a policy set, and over the ordinary Kubernetes and Istio objects in the same folders what
 * does not fit between them. What makes either unreadable is told the same way, as findings.
 */
export function lintPaths(paths: readonly string[], now: number): LintResult {
  const { files, findings: unread } = readPolicyFiles(paths);
  const ordinary = files.filter(isOrdinary);
  if (ordinary.length === 0) return lintPolicies({ paths }, now);
  const mesh = lintMesh(ordinary);
  const policies = files.filter((file) => !isOrdinary(file) && file.text.includes("portreeve.dev/"));
  const read =
    policies.length === 0
      ? { findings: [], digest: null, unreadable: false }
      : lintPolicies({ texts: policies }, now);
  return {
    findings: [...unread, ...read.findings, ...mesh].sort(compareFindings),
    digest: read.digest,
    unreadable:
      read.unreadable ||
      [...unread, ...mesh].some(({ rule, severity }) => severity === "error" && UNREAD.has(rule)),
  };
}

/** A file, or an object of the cluster, that could not be read. */
const UNREAD: ReadonlySet<string> = new Set(["PR100", "PR190", "PR191"]);

/** Guardrails and compilers over one policy set, wherever it comes from. */
export function lintPolicies(sources: PolicySources, now: number): LintResult {
  try {
    const { model, documents } = loadPolicySet(sources);
    const findings = lint(model, { now, sources: documents, compiled: compilerFindings(model) });
    return { findings, digest: model.digest, unreadable: false };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { findings: error.findings, digest: null, unreadable: true };
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
export function formatLint(
  { findings, digest, unreadable }: LintResult,
  format: LintFormat,
  color: boolean,
): string {
  switch (format) {
    case "text":
      return findingsText(findings, color);
    case "json":
      return findingsJson(findings, digest);
    case "sarif":
      return findingsSarif(findings, version(), !unreadable);
  }
}

/** 2 when something could not be read, 1 when something is as bad as `failOn`, else 0. */
export function lintExit({ findings, unreadable }: LintResult, failOn: Exclude<Severity, "info">): number {
  if (unreadable) return EXIT.failed;
  const bad = findings.some(
    ({ severity }) => severity === "error" || (failOn === "warning" && severity === "warning"),
  );
  return bad ? EXIT.found : EXIT.ok;
}
