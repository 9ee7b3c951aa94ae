import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentSchema, ruleSchema } from "../../policy/compile/proxy/config-rule.ts";
import { LiveCounts } from "../live-counts.ts";
import { liveLimit, rateLimit } from "./limits.ts";
import type { Limited } from "./place.ts";
import { Rates } from "./rates.ts";

const rule = (limits: object) =>
  ruleSchema.parse({ id: "r", action: "allow", service: "s", subjects: { cidrs: ["10.0.0.0/8"] }, limits });
const bot = (limits: object) => agentSchema.parse({ name: "bot", owner: "okta:alice", ...limits });
const limited = (principalKey: string, more: Partial<Limited> = {}): Limited => ({
  principalKey,
  rules: [],
  agent: undefined,
  perPrincipal: undefined,
  ...more,
});

describe("live connections", () => {
  test("a rule's bound for each principal is each one's own, and a place given back is free again", () => {
    const rules = [rule({ maxConnectionsPerPrincipal: 2 })];
    const counts = new LiveCounts();
    const enter = (who: string) => {
      counts.enter(who);
      counts.enterRules(rules, who);
    };
    enter("a");
    enter("a");
    enter("b");
    expect(liveLimit(limited("a", { rules }), counts)).toBe("rule r, for each principal");
    expect(liveLimit(limited("b", { rules }), counts)).toBeUndefined();
    counts.leave("a");
    counts.leaveRules(rules, "a");
    expect(liveLimit(limited("a", { rules }), counts)).toBeUndefined();
  });

  test("a rule's bound for all counts them together", () => {
    const rules = [rule({ maxConnections: 2 })];
    const counts = new LiveCounts();
    for (const who of ["a", "b"]) counts.enterRules(rules, who);
    expect(liveLimit(limited("c", { rules }), counts)).toBe("rule r");
  });

  test("an agent's bound holds over all services", () => {
    const agent = bot({ maxConnections: 1 });
    const counts = new LiveCounts();
    expect(liveLimit(limited("bot", { agent }), counts)).toBeUndefined();
    counts.enter("bot");
    expect(liveLimit(limited("bot", { agent }), counts)).toBe("agent bot");
  });

  test("of several that waited for a place and are let in, as many stay as the bound says", () => {
    const agent = bot({ maxConnections: 2 });
    const counts = new LiveCounts();
    const results = [1, 2, 3].map(() => {
      counts.enter("bot");
      return liveLimit(limited("bot", { agent }), counts, true);
    });
    expect(results).toEqual([undefined, undefined, "agent bot"]);
  });
});

describe("new connections in a minute", () => {
  test("an agent's rate is bounded, and what it was refused does not count", () => {
    const agent = bot({ connectionsPerMinute: 2 });
    const rates = new Rates();
    const at = (now: number) => rateLimit(limited("bot", { agent }), rates, now);
    expect([at(0), at(30_000), at(59_999)]).toEqual([undefined, undefined, "rate of agent bot"]);
    expect([at(60_000), at(60_001)]).toEqual([undefined, "rate of agent bot"]);
    expect(at(90_000)).toBeUndefined();
  });

  test("a rule's rate is each principal's own", () => {
    const rules = [rule({ connectionsPerMinutePerPrincipal: 1 })];
    const rates = new Rates();
    expect(rateLimit(limited("a", { rules }), rates, 0)).toBeUndefined();
    expect(rateLimit(limited("b", { rules }), rates, 0)).toBeUndefined();
    expect(rateLimit(limited("a", { rules }), rates, 1)).toBe("rate of rule r, for each principal");
  });

  test("whatever comes when, those let through are the ones that a look at the whole past would let through", () => {
    const waits = fc.array(fc.nat({ max: 40_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(waits, fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const rates = new Rates();
        const past: number[] = [];
        let now = 0;
        for (const step of steps) {
          now += step;
          const expected = past.filter((time) => now - time < 60_000).length < limit;
          expect(rates.allows("k", limit, now)).toBe(expected);
          if (!expected) continue;
          past.push(now);
          rates.note("k", now);
        }
      }),
    );
  });

  test("who has not come for a minute is forgotten", () => {
    const rates = new Rates();
    for (let index = 0; index < 1_000; index++) rates.note(`k${index}`, 100);
    rates.note("later", 70_000);
    expect(rates.size).toBe(1);
  });
});
