/**
 * Each fact against Istio's own istiod: the sidecar column wholly by Istio's code and the oracle's reading of Envoy's
 * RBAC filter, the ztunnel column by istiod's conversion and the oracle's reading of ztunnel's src/rbac.rs.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NS, setOf } from "./fact.ts";
import { FACTS } from "./facts.ts";
import { type Oracle, startOracle } from "./oracle.ts";

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(async () => oracle?.close());

describe.each(FACTS)("$title", ({ facts }) => {
  test.each(facts)("$says", async (fact) => {
    for (const dataplane of ["sidecar", "ztunnel"] as const) {
      const group = { set: setOf(fact, dataplane), connections: [fact.connection] };
      const [answer] = await oracle.ask(group);
      const by = answer?.by ?? null;
      const rule = by === null ? "" : ` by ${by.policy.replace(`${NS}/`, "")}#${by.rule}`;
      expect(`${answer?.verdict}${rule}`, dataplane).toBe(fact[dataplane]);
    }
  });
});
