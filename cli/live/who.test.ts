import { expect, it } from "vitest";
import { seenIn } from "./records.ts";
import { whoOf } from "./who.ts";

it("a client is called by its innermost name, and from where when it has none", () => {
  const workload = "spiffe://test.org/ns/shop/sa/api";
  expect(whoOf({ workload, source: "10.0.0.1:5" })).toBe("shop/api");
  expect(whoOf({ workload: "spiffe://test.org/vm/7" })).toBe("spiffe://test.org/vm/7");
  expect(whoOf({ workload, user: "okta:ann" })).toBe("okta:ann via shop/api");
  expect(whoOf({ role: "arn:aws:iam::1:role/dba" })).toBe("arn:aws:iam::1:role/dba");
  expect(whoOf({ workload, user: "okta:ann", agent: "triage" })).toBe("agent:triage for okta:ann");
  expect(whoOf({ agent: "triage" })).toBe("agent:triage");
  expect(whoOf({ source: "10.0.0.1:5" })).toBe("10.0.0.1:5");
});

it("of a record only what is shown gets any further; an update, a checkpoint and a broken line are no record", () => {
  const record = { time: "2026-11-21T12:00:00Z", event: "close", connection: "a", verdict: "deny" };
  expect(seenIn(JSON.stringify({ ...record, "db.user": "ann", extra: 1, rule: 7 }))).toEqual({
    ...record,
    rule: undefined,
    who: "-",
    service: "-",
  });
  for (const other of [{ event: "update" }, { event: "checkpoint" }, { verdict: "maybe" }]) {
    expect(seenIn(JSON.stringify({ ...record, ...other }))).toBeUndefined();
  }
  expect(seenIn('{"time":')).toBeUndefined();
});
