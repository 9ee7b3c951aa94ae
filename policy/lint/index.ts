export { checkPermissionDocument } from "./aws/check-permission-document.ts";
export { checkTrustDocument } from "./aws/check-trust-document.ts";
export type { DocumentBreach } from "./aws/document-breach.ts";
export { type LintOptions, lint } from "./lint.ts";
export { guardrails, ruleInfo } from "./registry.ts";
export type { LintRule, RuleInfo } from "./rule.ts";
