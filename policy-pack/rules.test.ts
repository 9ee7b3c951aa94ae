/** Every rule against its own examples, and against all examples of the others. The engine's part is in `pack.parts.test.ts`. */
import { describe, expect, it } from "vitest";
import { ruleInfo } from "../policy/lint/index.ts";
import { resource, sample } from "./resource.ts";
import type { PackRule, StackBreach } from "./rule.ts";
import { packRules } from "./rules.ts";
import { isWaived } from "./waivers.ts";

function breaches(rule: PackRule, resources: PackRule["bad"][number]): StackBreach[] {
  return rule.over === "stack"
    ? [...rule.check(resources)]
    : resources.flatMap((one) => [...rule.check(one)]);
}
const cases = (pick: "bad" | "good") =>
  packRules.flatMap((rule) => rule[pick].map((example, index) => [rule.id, index, rule, example] as const));

describe("the rules of the pack", () => {
  it.each(cases("bad"))("%s finds its bad example %i", (_, __, rule, example) => {
    const found = breaches(rule, example);
    expect(found.length).toBeGreaterThan(0);
    for (const { severity = rule.severities[0] } of found) expect(rule.severities).toContain(severity);
  });

  it.each(cases("good"))("%s: good example %i is good by every rule", (_, __, ___, example) => {
    expect(
      packRules.flatMap((rule) => breaches(rule, example).map(({ message }) => `${rule.id} ${message}`)),
    ).toEqual([]);
  });

  it("have an id of the registry each, in order, whose severity is among theirs", () => {
    const ids = packRules.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    for (const { id, severities } of packRules) expect(severities).toContain(ruleInfo.get(id)?.severity);
  });

  it("look at nothing else", () => {
    const others = [
      resource("random:index/randomPet:RandomPet", "pet", { spec: { hosts: ["*"] } }),
      resource("kubernetes:networking.istio.io/v1:ServiceEntryPatch", "p", { spec: { hosts: ["*.com"] } }),
      sample("apps/v1", "Deployment", "api", { hosts: ["*.com"], ingress: [{}] }),
    ];
    for (const rule of packRules) expect(breaches(rule, others), rule.id).toEqual([]);
  });

  it("take what has another form than it should as absent, and do not fail", () => {
    const kinds = [
      "networking.istio.io/v1:ServiceEntry",
      "security.istio.io/v1:AuthorizationPolicy",
      "core/v1:Service",
    ];
    const types = [
      ...kinds.map((kind) => `kubernetes:${kind}`),
      "aws:iam/role:Role",
      "aws:iam/policy:Policy",
      "aws:ec2/securityGroup:SecurityGroup",
    ];
    for (const type of types) {
      for (const props of [
        {},
        { spec: 7, ingress: "x", assumeRolePolicy: "{", policy: [] },
        { spec: { ports: [null], rules: [3] } },
      ]) {
        for (const rule of packRules) breaches(rule, [resource(type, "x", props)]);
      }
    }
  });
});

describe("a waiver of the pack", () => {
  const [db, now] = [resource("aws:iam/role:Role", "db", {}), Date.parse("2026-01-01")];
  const waiver = (expires: string, name = "aws:iam/role:Role::db") => ({
    waivers: [{ resource: name, owner: "sre", reason: "moving", expires }],
  });
  it("holds for the resource it names, until it ends", () => {
    expect(isWaived(db, waiver("2026-01-02"), now)).toBe(true);
    expect(isWaived(db, waiver("2026-01-01"), now)).toBe(false);
    expect(isWaived(db, waiver("someday"), now)).toBe(false);
    expect(isWaived(db, waiver("2026-01-02", db.urn), now)).toBe(true);
    expect(isWaived(db, waiver("2026-01-02", "aws:iam/role:Role::d"), now)).toBe(false);
    expect(isWaived(db, waiver("2026-01-02", "b"), now)).toBe(false);
    expect(
      isWaived({ ...db, urn: "urn:pulumi:t::p::x:y:Z$aws:iam/role:Role::db" }, waiver("2026-01-02"), now),
    ).toBe(true);
    expect(isWaived(db, {}, now)).toBe(false);
  });
});
