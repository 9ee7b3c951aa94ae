import type { Finding } from "../finding.ts";
import type { Path, Sourced } from "../load/source.ts";

/** `Service/orders-db`, `Workload/shop/api`. */
export function objectId(source: Sourced): string {
  const { kind, metadata } = source.document;
  return "namespace" in metadata
    ? `${kind}/${metadata.namespace}/${metadata.name}`
    : `${kind}/${metadata.name}`;
}

/** Collects every problem, each at the place where it was written. */
export class Report {
  readonly findings: Finding[] = [];

  error(rule: string, source: Sourced, path: Path, message: string, fix: string): void {
    const position = source.locate(path);
    this.findings.push({
      rule,
      severity: "error",
      message,
      fix,
      object: objectId(source),
      ...(position && { position }),
    });
  }
}
