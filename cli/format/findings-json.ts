import type { Finding } from "../../policy/finding.ts";
import { countFindings } from "./findings-text.ts";

/**
 * Findings for programs. `version` changes when a field changes its meaning or goes; fields may be added.
 * `{"version":1,"digest":"sha256:…"|null,"counts":{"error","warning","info"},"findings":[{"rule","severity","message",
 * "fix"?,"object"?,"position"?:{"file","line","col"}}]}`; lines and columns count from 1; `digest` is that of the
 * policy set, null when it could not be read.
 */
export function findingsJson(findings: readonly Finding[], digest: string | null): string {
  return `${JSON.stringify({ version: 1, digest, counts: countFindings(findings), findings }, null, 2)}\n`;
}
