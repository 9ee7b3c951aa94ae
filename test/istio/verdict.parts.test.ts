/**
 * What is compiled gets the verdict of `decide` from Istio itself: istiod's own code makes the RBAC filters of the sidecar
 * (and the policies of ztunnel), for random policy sets.
 *
 * Not proven here: that ztunnel matches as its source says; it cannot be had, so the oracle evaluates istiod's policies for
 * it by the rules read from its source.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Oracle, startOracle } from "../truth/oracle.ts";
import { randomPolicy } from "./random-policy.ts";
import { tryLoad, verdictCases } from "./verdict-cases.ts";

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(() => oracle?.close());

test.each(["service", "grant"] as const)(
  "grouped by %s, for random policies and connections",
  async (grouping) => {
    const seen = { allow: 0, deny: 0, sidecar: 0, ztunnel: 0, plaintext: 0 };
    await fc.assert(
      fc.asyncProperty(randomPolicy, async (objects) => {
        const model = tryLoad(objects);
        for (const { service, set, cases } of (model && verdictCases(model, grouping)) ?? []) {
          const answers = await oracle.ask({ set, connections: cases.map(({ connection }) => connection) });
          expect(answers).toHaveLength(cases.length);
          for (const [index, { connection, expected }] of cases.entries()) {
            const answer = answers[index];
            if (answer?.verdict !== expected.verdict) {
              const { verdict, reason } = expected;
              expect({ service: service.name, connection, ...answer, reason }).toMatchObject({ verdict });
            }
            seen[expected.verdict]++;
            seen[set.dataplane]++;
            if (connection.source.principal === null && expected.verdict === "allow") seen.plaintext++;
          }
        }
      }),
      { numRuns: 300 },
    );
    for (const [what, count] of Object.entries(seen)) expect([what, count > 10]).toEqual([what, true]);
    process.stderr.write(`${grouping}: ${seen.allow + seen.deny} verdicts of Istio compared\n`);
  },
);
