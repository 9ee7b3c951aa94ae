/**
 * Our validation of NetworkPolicy against the API server's own decoder, defaults, validation and warnings.
 * What it does not prove: what happens on an update, and servers older than 1.36, which take a CIDR with host bits.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { agree, RUNS } from "./agreement.ts";
import { networkPolicies } from "./network-policy.ts";
import { type RealValidator, startNetworkPolicyValidator } from "./validator.ts";

let real: RealValidator;
beforeAll(async () => {
  real = await startNetworkPolicyValidator();
});
afterAll(async () => real?.close());

test("NetworkPolicy is judged as the API server judges it", { timeout: 600_000 }, async () => {
  const seen = await agree(real, networkPolicies, RUNS * 20);
  expect(seen.valid).toBeGreaterThan(RUNS);
  expect(seen.invalid).toBeGreaterThan(RUNS);
  expect(seen.warning).toBeGreaterThan(0);
});
