/**
 * Our validation of Istio's objects against the real thing: the API server's own libraries with Istio's published
 * CRDs (structural schema, list types, CEL), and istiod's webhook handler behind it, in one process.
 *
 * What this proves: on objects drawn from each kind's schema, and on texts made for each grammar inside of them, the
 * verdict (valid, warning, invalid) is the same. VALIDATION_RUNS and VALIDATION_SEED make a longer or another run.
 *
 * What it does not prove: that the reasons are the same (they are worded for people); what happens on an update; the
 * patches of an EnvoyFilter, which are Envoy's configuration and are not decoded here; objects past the cost limit of
 * CEL; and the wiring between an API server and istiod, which the end-to-end tests use.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CRD_KINDS, findSchema, servedVersions } from "../../policy/istio/validation/crd.ts";
import { agree, RUNS, SEED, type Seen } from "./agreement.ts";
import { type Drawing, specArbitrary } from "./arbitrary.ts";
import { focusedText } from "./focus.ts";
import { METADATA_FOCUSES } from "./focus-metadata.ts";
import { NETWORKING_FOCUSES } from "./focus-networking.ts";
import { SECURITY_FOCUSES } from "./focus-security.ts";
import { type RealValidator, startIstioValidator } from "./validator.ts";

/** From nearly good objects to wild ones: the first find wrong refusals, the last wrong acceptances. */
const DRAWINGS: readonly Drawing[] = [
  { daring: 3, presence: 12 },
  { daring: 5, presence: 6 },
  { daring: 10, presence: 25 },
  { daring: 30, presence: 30 },
];

let real: RealValidator;
beforeAll(async () => {
  real = await startIstioValidator();
  process.stderr.write(`validation: ${RUNS} runs of each property, seed ${SEED}\n`);
});
afterAll(async () => real?.close());

describe.each(CRD_KINDS)("%s", (name) => {
  test("is judged as the API server and istiod judge it", { timeout: 600_000 }, async () => {
    const [group = "", kind = ""] = name.split("/");
    const total: Seen = { valid: 0, warning: 0, invalid: 0 };
    for (const version of servedVersions(group, kind).slice(0, 1)) {
      const schema = findSchema(group, version, kind);
      if (typeof schema === "string") throw new Error(`${name} ${version}: ${schema}`);
      for (const drawing of DRAWINGS) {
        const objects = specArbitrary(schema, drawing).map((spec) => ({
          apiVersion: `${group}/${version}`,
          kind,
          metadata: { name: "x", namespace: "app" },
          spec,
        }));
        const seen = await agree(real, objects);
        for (const verdict of ["valid", "warning", "invalid"] as const) total[verdict] += seen[verdict];
      }
    }
    // A draw that only ever meets one answer compares nothing.
    expect(total.valid + total.warning).toBeGreaterThan(RUNS / 50);
    expect(total.invalid).toBeGreaterThan(RUNS / 50);
  });
});

describe("texts inside of an object", () => {
  test.each([...NETWORKING_FOCUSES, ...SECURITY_FOCUSES, ...METADATA_FOCUSES])(
    "$name",
    { timeout: 600_000 },
    async (focus) => {
      const seen = await agree(real, focusedText(focus).map(focus.object), RUNS * 2);
      expect(seen.invalid).toBeGreaterThan(0);
    },
  );
});

test("the version of an object's kind is looked at", { timeout: 120_000 }, async () => {
  const versions = fc.constantFrom("v1", "v1alpha1", "v1alpha3", "v1beta1", "v2", "");
  const objects = fc.tuple(fc.constantFrom(...CRD_KINDS), versions).map(([name, version]) => {
    const [group, kind] = name.split("/");
    return { apiVersion: `${group}/${version}`, kind, metadata: { name: "x" }, spec: {} };
  });
  await agree(real, objects, 300);
});
