import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ruleInfo } from "../policy/lint/index.ts";
import { packRules } from "../policy-pack/rules.ts";
import { findingsOf } from "../test/lint/breaches.ts";
import { generatedRulePages } from "./generated/rule-pages.ts";
import { staleFiles } from "./generated/write.ts";

const pages = generatedRulePages();

describe("the rule pages", () => {
  it("are current: `npm run docs:rules` would change nothing", () => {
    expect(staleFiles("docs/rules", pages)).toEqual([]);
  });

  it("are one a rule and the index, and nothing is left of a rule that is gone", () => {
    const there = readdirSync(join(import.meta.dirname, "../docs/rules")).sort();
    expect(there).toEqual([...pages.keys()].sort());
    for (const id of ruleInfo.keys()) expect(pages.get("README.md")).toContain(`[${id}](${id}.md)`);
  });

  it("say that a rule is found in stacks exactly where the pack has it", () => {
    const inStacks = new Set(packRules.map(({ id }) => id));
    for (const id of ruleInfo.keys()) {
      expect(pages.get(`${id}.md`)?.includes("## In the resources of a stack"), id).toBe(inStacks.has(id));
    }
  });

  it("link to nothing that is not there", () => {
    for (const [name, text] of pages) {
      for (const [, target = ""] of text.matchAll(/\]\((PR\d{3}\.md)\)/g))
        expect(pages.has(target), name).toBe(true);
    }
  });

  it("show waivers that are valid documents, of a rule that can be waived", () => {
    for (const [name, text] of pages) {
      const [, waiver] = /```yaml\n(apiVersion[^`]*kind: Waiver[^`]*)```/.exec(text) ?? [];
      if (waiver === undefined) continue;
      const [, bad = ""] = /Found:\n\n```yaml\n([^`]*)```/.exec(text) ?? [];
      const findings = findingsOf(`${bad}---\n${waiver}`);
      expect(
        findings.filter(({ rule }) => rule === "PR441"),
        name,
      ).toEqual([]);
      expect(findings.find(({ rule }) => `${rule}.md` === name)?.severity, name).toBe("info");
    }
  });
});
