import type { Finding, Position, Severity } from "../finding.ts";

/** A policy object as a finding names it: `kind` with its name or id, and where it was written. */
export interface Blamed {
  readonly kind: "Service" | "Workload" | "Grant" | "Agent" | "Trust";
  readonly id: string;
  readonly position: Position | undefined;
}

/** A finding of a compiler about one policy object. */
export function findingAt(
  rule: string,
  severity: Severity,
  blamed: Blamed,
  message: string,
  fix: string,
): Finding {
  return {
    rule,
    severity,
    message,
    fix,
    object: `${blamed.kind}/${blamed.id}`,
    ...(blamed.position && { position: blamed.position }),
  };
}
