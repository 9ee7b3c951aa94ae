import { describe, expect, it } from "vitest";
import { isRuleId, rulePage } from "./rule-page.ts";

describe("a rule that lint names", () => {
  it("is told as its page has it, without what only a page needs", () => {
    expect(isRuleId("PR431")).toBe(true);
    expect(isRuleId("shop/api")).toBe(false);
    const text = rulePage("pr431");
    expect(text).toMatch(/^# PR431 Grant without an owner\n/);
    expect(text).toContain("## Fix");
    expect(text).not.toMatch(/<!--|\]\(/);
  });

  it("is not made up", () => {
    expect(() => rulePage("PR999")).toThrow("there is no rule PR999");
  });
});
