import type { Verdict } from "../policy/decide/verdict.ts";
import { formatPosition } from "../policy/finding.ts";

/** What a verdict says, as the end of a sentence. */
export function explainVerdict(verdict: Verdict): string {
  const where = verdict.position ? ` (${formatPosition(verdict.position)})` : "";
  if (verdict.rule !== null)
    return `${verdict.rule}${where} ${verdict.verdict === "allow" ? "allows" : "denies"} it`;
  return `it is denied: ${verdict.reason}`;
}
