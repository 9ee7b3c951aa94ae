import { describe, expect, test } from "vitest";
import { checkCel, compile } from "./cel.ts";
import { celSyntaxProblem } from "./cel-syntax.ts";
import { CRD_KINDS, findSchema, type Schema, servedVersions } from "./crd.ts";
import { root } from "./node.ts";
import { Report } from "./report.ts";

function rulesIn(schema: Schema): readonly string[] {
  const { properties = {}, items, additionalProperties } = schema;
  const children = [...Object.values(properties), items, additionalProperties].filter(
    (one) => typeof one === "object",
  );
  return [...(schema["x-kubernetes-validations"] ?? []).map((one) => one.rule), ...children.flatMap(rulesIn)];
}

const RULES = new Set(
  CRD_KINDS.flatMap((name) => {
    const [group = "", kind = ""] = name.split("/");
    const schema = findSchema(group, servedVersions(group, kind)[0] ?? "", kind);
    return typeof schema === "string" ? [] : rulesIn(schema);
  }),
);

test("the CRDs hold rules, and each of them can be compiled", () => {
  expect(RULES.size).toBeGreaterThan(30);
  for (const rule of RULES) expect(() => compile(rule), rule).not.toThrow();
});

test("no rule needs what is not implemented: the old value, messages that are computed, optional values", () => {
  for (const rule of RULES) expect(rule).not.toMatch(/oldSelf|optional|\.\?|quantity|cel\.bind/);
});

test("a rule that cannot be evaluated is a refusal", () => {
  const report = new Report();
  const schema = {
    "x-kubernetes-validations": [{ rule: "self.all(key, 0 < int(key))", message: "not a port" }],
  };
  checkCel(root({ a: 1 }), schema, report);
  expect(report.reasons.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^not a port \(.+\)$/),
  ]);
});

describe("the syntax of an expression", () => {
  test.each([
    "a.b == 'c' && !(d || e)",
    "has(a.b)",
    "[1, 2,].exists(x, x > 1)",
    ".a.B{c: 1}",
    "-9223372036854775808",
    'r"\\d"',
    "a ? b : c // d",
  ])("%s is accepted", (expression) => {
    expect(celSyntaxProblem(expression)).toBeUndefined();
  });

  test.each([
    "",
    "a ==",
    "has(a)",
    "x.all(1, true)",
    "as",
    "!-a",
    "9223372036854775808",
    '"\\q"',
    "a.b{c}",
    "'a",
    "a b",
  ])("%s is refused", (expression) => {
    expect(celSyntaxProblem(expression)).toMatch(
      /^is not an expression in CEL: .+ at (?:column \d+|its end)$|cannot be read$/,
    );
  });
});
