import type { Model, Rule } from "../model/types.ts";

/** The rules that grants made, by grant. A grant without any entry grants nothing to anybody. */
export function rulesByGrant(model: Model): Map<string, Rule[]> {
  const byGrant = new Map<string, Rule[]>();
  for (const rule of model.rules) {
    if (rule.source === "admission") continue;
    const rules = byGrant.get(rule.id);
    if (rules) rules.push(rule);
    else byGrant.set(rule.id, [rule]);
  }
  return byGrant;
}

/** True when the rule can never hold from `now` on. */
export function isOver({ when }: Rule, now: number): boolean {
  if (when.expires === undefined) return false;
  const end = Date.parse(when.expires);
  return end <= now || (when.notBefore !== undefined && end <= Date.parse(when.notBefore));
}
