import type { RuleInfo } from "./rule.ts";

/** What can be wrong with waivers themselves. None of it can be waived. */
export const EXPIRED_WAIVER: RuleInfo = {
  id: "PR440",
  title: "Expired waiver",
  severity: "error",
  waivable: false,
  why: "A waiver accepts a breach until a day. After it, the breach is a breach again, and so is the waiver that outlived its day.",
  fix: "correct what it excused and remove it, or have its owner renew it",
};

export const USELESS_WAIVER: RuleInfo = {
  id: "PR441",
  title: "Waiver for what cannot be waived",
  severity: "error",
  waivable: false,
  why: "A waiver with a mistyped or unwaivable rule excuses nothing, and its author believes that it does.",
  fix: "name a guardrail that can be waived; docs/reference/rules.md lists them",
};

export const UNUSED_WAIVER: RuleInfo = {
  id: "PR442",
  title: "Unused waiver",
  severity: "warning",
  waivable: false,
  why: "The breach is gone; the waiver would quietly excuse the next one.",
  fix: "remove the waiver, or the object from its scope",
};
