import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeyedRule, MAX_BYTES, MAX_RULES, splitRules } from "./split.ts";

const rule = (index: number, principals = 1): KeyedRule => ({
  key: `grant-${index} ${"x".repeat(principals * 20)}`,
  rule: {
    from: [
      { source: { principals: Array.from({ length: principals }, (_, n) => `td/ns/n${index}/sa/a${n}`) } },
    ],
  },
});
const rules = (count: number) => Array.from({ length: count }, (_, index) => rule(index));

describe("rules over objects", () => {
  test("none is lost, none is doubled, and no object has more than Istio takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4000 }), (count) => {
        const parts = splitRules(rules(count));
        expect(
          [...parts.values()]
            .flat()
            .map((one) => JSON.stringify(one))
            .sort(),
        ).toEqual(
          rules(count)
            .map((one) => JSON.stringify(one.rule))
            .sort(),
        );
        for (const part of parts.values()) expect(part.length).toBeLessThanOrEqual(MAX_RULES);
      }),
      { numRuns: 30 },
    );
  });

  test("up to the limit there is one object, also for no rule at all", () => {
    expect([...splitRules(rules(MAX_RULES)).keys()]).toEqual([0]);
    expect([...splitRules([])]).toEqual([[0, []]]);
  });

  test("one rule more changes one object, while the number of objects stays", () => {
    const before = splitRules(rules(1500));
    const after = splitRules(rules(1501));
    expect([...after.keys()]).toEqual([...before.keys()]);
    const changed = [...after].filter(([part, some]) => some.length !== before.get(part)?.length);
    expect(changed).toHaveLength(1);
  });

  test("when objects double, a rule stays in its object or goes to the one new object that came of it", () => {
    const small = splitRules(rules(500));
    const large = splitRules(rules(900));
    const partOf = (parts: typeof small, one: unknown) =>
      [...parts].find(([, some]) =>
        some.some((other) => JSON.stringify(other) === JSON.stringify(one)),
      )?.[0] ?? -1;
    const [before, after] = [small.size, large.size];
    expect(after).toBeGreaterThan(before);
    for (const { rule: one } of rules(500)) expect(partOf(large, one) % before).toBe(partOf(small, one));
  });

  test("few but large rules are divided by their size", () => {
    const large = Array.from({ length: 60 }, (_, index) => rule(index, 1000));
    const parts = splitRules(large);
    expect(parts.size).toBeGreaterThan(1);
    for (const part of parts.values()) {
      expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(MAX_BYTES * 1.1);
    }
  });
});
