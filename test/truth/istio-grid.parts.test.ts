/**
 * The evaluator against Istio's own istiod, on random policies and connections.
 *
 * What this proves: for a TCP connection to a workload, the evaluator and Istio agree on the verdict and on the policy
 * and rule behind it. Sidecar: Istio's code makes the listener and chooses the filter chain; the RBAC filters are
 * evaluated by the oracle, a reading of Envoy's semantics that envoy-rbac.parts.test.ts checks against Envoy itself.
 * ztunnel: Istio's code converts the policies; the oracle evaluates them as ztunnel's src/rbac.rs says.
 *
 * What it does not prove: that ztunnel, a program that is not to be had here, does what its source says; what an
 * external authorizer answers; nor anything about HTTP.
 *
 * TRUTH_RUNS (policy sets for each data plane) and TRUTH_SEED make a longer or another run.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DataPlane } from "../../policy/istio/authorization/index.ts";
import { compare } from "./compare.ts";
import { Coverage } from "./coverage.ts";
import { type DrawOptions, group } from "./draw.ts";
import { EVERYWHERE, HTTP_ONLY, SIDECAR_ONLY, SIDECAR_READ } from "./fields.ts";
import { type Oracle, startOracle } from "./oracle.ts";

const RUNS = Number(process.env.TRUTH_RUNS ?? 4000);
const SEED = Number(process.env.TRUTH_SEED ?? 20261121);
const CONNECTIONS = 60;
/** Of groups with at most that many connections, a draw has about half: 4,000 sets twice are over 200,000 comparisons. */
const LEAST = RUNS * 20;

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(async () => oracle?.close());

async function run(dataplane: DataPlane, about: DrawOptions["about"], runs: number): Promise<Coverage> {
  const coverage = new Coverage();
  await fc.assert(
    fc.asyncProperty(group({ dataplane, connections: CONNECTIONS, about }), async (drawn) => {
      const difference = await compare(oracle, drawn, (verdicts) => coverage.add(drawn, verdicts));
      expect(difference).toBeUndefined();
    }),
    { seed: SEED, numRuns: runs },
  );
  console.log(`${dataplane}, ${about}: seed ${SEED}, ${runs} policy sets, ${coverage.report()}`);
  return coverage;
}

describe.each<DataPlane>(["sidecar", "ztunnel"])("%s", (dataplane) => {
  test("agrees with Istio on every connection, and every branch is reached", {
    timeout: 600_000,
  }, async () => {
    const coverage = await run(dataplane, "authorization", RUNS);
    expect(coverage.comparisons).toBeGreaterThan(LEAST);
    const steps = ["none allow", "ALLOW allow", "ALLOW deny", "DENY deny", "peer-authentication deny"];
    for (const step of dataplane === "sidecar" ? [...steps, "CUSTOM deny"] : steps) {
      expect(coverage.steps.get(step) ?? 0, step).toBeGreaterThan(RUNS / 50);
    }
    const enforced = dataplane === "sidecar" ? [...EVERYWHERE, ...SIDECAR_ONLY, ...SIDECAR_READ] : EVERYWHERE;
    const http = dataplane === "sidecar" ? HTTP_ONLY : [...HTTP_ONLY, ...SIDECAR_ONLY];
    for (const action of ["ALLOW", "DENY"]) expect(coverage.notReached(action, enforced), action).toEqual([]);
    // The oracle's own verdicts show the rule that the page in docs/ states: such an ALLOW rule never decides.
    expect(coverage.decided("ALLOW", http)).toEqual([]);
    expect(coverage.decided("AUDIT", [...enforced, ...http])).toEqual([]);
    if (dataplane === "sidecar") expect(coverage.notReached("DENY", http)).toEqual([]);
    else expect(coverage.decided("CUSTOM", [...enforced, ...http])).toEqual([]);
  });

  test("agrees with Istio on which plaintext connections PeerAuthentication refuses", {
    timeout: 600_000,
  }, async () => {
    const coverage = await run(dataplane, "mtls", RUNS);
    for (const step of ["none allow", "peer-authentication deny"]) {
      expect(coverage.steps.get(step) ?? 0, step).toBeGreaterThan(RUNS / 10);
    }
  });
});
