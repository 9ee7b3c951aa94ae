export { type LintOptions, lint } from "./lint.ts";
export { guardrails, ruleInfo } from "./registry.ts";
export type { LintRule, RuleInfo } from "./rule.ts";
