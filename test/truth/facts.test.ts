/** Each fact against the evaluator, and the page that prints them. Istio's own answer: facts.parts.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { evaluate } from "../../policy/istio/authorization/index.ts";
import { NS, setOf } from "./fact.ts";
import { FACTS, factTables } from "./facts.ts";

const PAGE = join(import.meta.dirname, "../../docs/istio-tcp-truth.md");
const START =
  "<!-- facts: made by test/truth/facts.ts, with UPDATE_DOCS=1 npx vitest run test/truth/facts.test.ts -->";
const END = "<!-- end of facts -->";

describe.each(FACTS)("$title", ({ facts }) => {
  test.each(facts)("$says", (fact) => {
    for (const dataplane of ["sidecar", "ztunnel"] as const) {
      const { verdict, by } = evaluate({ ...setOf(fact, dataplane), connection: fact.connection });
      const rule = by === null ? "" : ` by ${by.policy.replace(`${NS}/`, "")}#${by.rule}`;
      expect(`${verdict}${rule}`, dataplane).toBe(fact[dataplane]);
    }
  });
});

test("no fact is told twice", () => {
  const said = FACTS.flatMap(({ facts }) =>
    facts.map(({ says, policies }) => says + JSON.stringify(policies)),
  );
  expect(new Set(said).size).toBe(said.length);
});

test("the page in docs/ prints these facts", () => {
  const page = readFileSync(PAGE, "utf8");
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  expect(start, `${PAGE} has a line ${START}`).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(start);
  const expected = `${page.slice(0, start + START.length)}\n\n${factTables()}\n${page.slice(end)}`;
  if (process.env.UPDATE_DOCS === "1") writeFileSync(PAGE, expected);
  else expect(page).toBe(expected);
});
