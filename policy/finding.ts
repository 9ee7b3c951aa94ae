/** Where something was written: the file as the user named it, line and column counted from 1. */
export interface Position {
  /** As the user named it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly col: number;
}

/** How bad a {@link Finding} is: an `error` stops compiling and `up`, a `warning` does not, an `info` is only told. */
export type Severity = "error" | "warning" | "info";

/**
 * One thing that is wrong, or that a reviewer should look at.
 *
 * `rule` is stable: `PR1xx` schema, `PR2xx` service routing, `PR3xx` identity, `PR4xx` grants,
 * `PR5xx` mesh consistency, `PR6xx` AWS.
 */
export interface Finding {
  /** Id of the rule, with a page in docs/rules. */
  readonly rule: string;
  /** Whether it stops compiling. */
  readonly severity: Severity;
  /** What is wrong, in one sentence, naming the object. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
  /** Where it was written; absent for objects made by programs that tell no position. */
  readonly position?: Position;
  /** The policy object concerned, as `Kind/name`. */
  readonly object?: string;
}

/** `file:line:col`, the form that editors and terminals turn into a link. */
export function formatPosition(position: Position): string {
  return `${position.file}:${position.line}:${position.col}`;
}

/** One finding as one or two lines of text. */
export function formatFinding(finding: Finding): string {
  const where = finding.position ? `${formatPosition(finding.position)}: ` : "";
  const head = `${where}${finding.severity} ${finding.rule}: ${finding.message}`;
  return finding.fix ? `${head}\n    fix: ${finding.fix}` : head;
}

/** Orders findings by file, line, column, then rule and message, so that output never depends on evaluation order. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareText(a.position?.file ?? "", b.position?.file ?? "") ||
    (a.position?.line ?? 0) - (b.position?.line ?? 0) ||
    (a.position?.col ?? 0) - (b.position?.col ?? 0) ||
    compareText(a.rule, b.rule) ||
    compareText(a.message, b.message)
  );
}

/** Compares by code unit: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Thrown when input is refused. It carries every problem at once; its message lists them all. */
export class PolicyError extends Error {
  /** Stable, for programs that catch errors of several packages. */
  readonly code = "PORTREEVE_POLICY";
  /** Every problem, sorted by position; at least one. */
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[], options?: ErrorOptions) {
    const sorted = [...findings].sort(compareFindings);
    super(sorted.map(formatFinding).join("\n"), options);
    this.name = "PolicyError";
    this.findings = sorted;
  }
}
