import type { Severity } from "../../finding.ts";
import type { RuleInfo } from "../rule.ts";

export const UNREADABLE =
  "A policy that is not read denies and allows nothing; nothing is deployed from half of a policy set.";
export const UNCLEAR =
  "What cannot be understood exactly is refused: guessing would widen access or break it.";
export const DIVERGES =
  "The verdict would differ from what the policy says; nothing is widened or dropped silently.";
export const UNROUTED = "Istio would send the connection elsewhere, or nowhere.";
export const LIMIT = "The platform refuses or cuts what is over its limit, in the middle of a deployment.";
export const WIDER = "The object is as narrow as the platform allows, and that is wider than the policy.";

/** A rule that is checked outside of lint: while loading, resolving, planning or compiling. None of it can be waived. */
export function elsewhere(
  id: string,
  severity: Severity,
  title: string,
  why: string,
  fix = "see the finding",
): RuleInfo {
  return { id, severity, title, why, fix, waivable: false };
}
