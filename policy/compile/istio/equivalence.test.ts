import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomPolicy } from "../../../test/istio/random-policy.ts";
import { tryLoad, verdictCases } from "../../../test/istio/verdict-cases.ts";
import { compilePolicies } from "../../istio/authorization/index.ts";

/**
 * The objects that are emitted, read by the evaluator of Istio objects, say what `decide` says.
 *
 * Not proven here: that the evaluator reads objects as Istio does (test/istio/verdict.parts.test.ts asks Istio itself), and
 * what happens before a policy is asked (routing, the TLS handshake).
 */
describe.each(["service", "grant"] as const)(
  "grouped by %s, compiled policies give the verdict of decide",
  (grouping) => {
    test("for random policies and connections, on sidecar, ztunnel and gateway", () => {
      const seen = { allow: 0, deny: 0, gateway: 0, plaintext: 0, refused: 0, sidecar: 0, ztunnel: 0 };
      fc.assert(
        fc.property(randomPolicy, (objects) => {
          const model = tryLoad(objects);
          if (!model) return;
          const drawn = verdictCases(model, grouping);
          if (!drawn) seen.refused++;
          for (const { service, set, cases } of drawn ?? []) {
            const judge = compilePolicies(set);
            for (const { connection, expected } of cases) {
              const made = judge(connection);
              // The matcher is slow, and there are some hundred thousand comparisons.
              if (made.verdict !== expected.verdict) {
                const { verdict, reason } = expected;
                expect({ service: service.name, connection, ...made, reason }).toMatchObject({ verdict });
              }
              seen[expected.verdict]++;
              seen[set.dataplane]++;
              if (service.enforcement === "gateway") seen.gateway++;
              if (connection.source.principal === null && expected.verdict === "allow") seen.plaintext++;
            }
          }
        }),
        { numRuns: 300 },
      );
      // A generator that never allows, or never gets to a gateway, would prove nothing.
      for (const [what, count] of Object.entries(seen)) {
        expect([what, count > 10]).toEqual([what, true]);
      }
    });
  },
);
