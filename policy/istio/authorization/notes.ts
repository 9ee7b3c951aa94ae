import type { AuthorizationPolicy } from "../objects.ts";
import type { CompiledRule, Loss } from "./rule-sidecar.ts";
import { nameOf } from "./select.ts";
import type { DataPlane } from "./types.ts";

/** What a reader should know of one rule: each part that TCP cannot hold, and what its loss does to the rule. */
export function ruleNotes(
  policy: AuthorizationPolicy,
  index: number,
  rule: CompiledRule,
  dataplane: DataPlane,
): readonly string[] {
  const action = policy.spec?.action ?? "ALLOW";
  const where = `${action} policy ${nameOf(policy)} rule ${index}`;
  return rule.losses.map((loss) => `${where}: ${reason(loss, dataplane)}; ${effect(loss, rule, dataplane)}`);
}

function reason(loss: Loss, dataplane: DataPlane): string {
  switch (loss.why) {
    case "http":
      return dataplane === "sidecar"
        ? `${loss.field} exists only in HTTP`
        : `ztunnel knows no ${loss.field} and treats it as an HTTP attribute`;
    case "value":
      return `${loss.field} has the unreadable value "${loss.value ?? ""}"`;
    case "unknown-key":
      return `"${loss.field}" is not a condition key that Istio knows`;
    case "not-read":
      return `ztunnel does not read ${loss.field}`;
  }
}

function effect(loss: Loss, rule: CompiledRule, dataplane: DataPlane): string {
  if (rule.test === undefined) return "the whole rule is dropped";
  if (loss.why === "value") return "the value is dropped";
  if (loss.why === "not-read") return "the rule is as wide as without it";
  return dataplane === "sidecar"
    ? "only that part is dropped, so the rule matches more"
    : "that part is dropped, and an entry of which nothing is left never matches";
}

export const dryRunNote = (policy: AuthorizationPolicy): string =>
  `${nameOf(policy)} has the dry-run annotation and does not decide`;

export const auditNote = (policy: AuthorizationPolicy): string =>
  `${nameOf(policy)} has action AUDIT and does not decide`;

export const unsupportedActionNote = (policy: AuthorizationPolicy): string =>
  `ztunnel does not support action ${policy.spec?.action ?? "ALLOW"}: ${nameOf(policy)} does nothing`;

export const noRulesNote = (policy: AuthorizationPolicy): string =>
  policy.spec?.action === "DENY"
    ? `DENY policy ${nameOf(policy)} has no rules and denies nothing (Istio's webhook refuses it)`
    : `${nameOf(policy)} has no rules and so matches nothing`;

export const emptySelectorNote = (policy: AuthorizationPolicy): string =>
  `${nameOf(policy)} has a selector without matchLabels: istiod attaches it to no workload of ztunnel, though a sidecar would enforce it`;

export const targetNote = (policy: AuthorizationPolicy): string =>
  `${nameOf(policy)} has a targetRef: it is for a gateway or waypoint, not for this workload`;

export const unlabelledNote = (policy: AuthorizationPolicy): string =>
  `the workload has no labels: istiod may attach ${nameOf(policy)} to its pod anyway, because it filters by no labels at all then`;
