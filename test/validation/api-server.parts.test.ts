/**
 * Our validation against a running API server with Istio's CRDs and istiod's webhook behind it: fewer objects than in
 * istio.parts.test.ts, but with nothing of ours between the object and the answer. Proves that an object is accepted
 * exactly where we say so. Does not compare warnings, and leaves out EnvoyFilter, whose patches are not decoded here.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CRD_KINDS, findSchema, servedVersions } from "../../policy/istio/validation/crd.ts";
import { formatPath, validateObject } from "../../policy/istio/validation/index.ts";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { KubeError } from "../cluster/kube-client.ts";
import { SEED } from "./agreement.ts";
import { specArbitrary } from "./arbitrary.ts";
import { networkPolicies } from "./network-policy.ts";

const RUNS = Number(process.env.VALIDATION_SERVER_RUNS ?? 60);

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ istiod: true });
  await plane.client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "app" } });
});
afterAll(() => plane?.stop());

/** The API server's refusal of a create with strict field validation, or undefined. */
async function refusal(path: string, object: unknown): Promise<string | undefined> {
  try {
    await plane.client.request("POST", `${path}?dryRun=All&fieldValidation=Strict`, object);
    return undefined;
  } catch (error) {
    // Not 404 and the like: those say nothing about the object.
    if (error instanceof KubeError && [400, 403, 422].includes(error.code)) return error.message;
    throw error;
  }
}

async function agree(path: string, objects: fc.Arbitrary<unknown>): Promise<void> {
  const seen = { accepted: 0, refused: 0 };
  const property = fc.asyncProperty(objects, async (object) => {
    const ours = validateObject(object);
    const theirs = await refusal(path, object);
    seen[theirs === undefined ? "accepted" : "refused"] += 1;
    if ((ours.verdict === "invalid") === (theirs !== undefined)) return;
    const reasons = ours.reasons.map((reason) => `${formatPath(reason.path)}: ${reason.message}`);
    throw new Error(`ours ${ours.verdict} (${reasons.join("; ")}), server: ${theirs ?? "accepted"}`);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  expect(seen.accepted).toBeGreaterThan(0);
  expect(seen.refused).toBeGreaterThan(0);
}

const plural = (kind: string): string =>
  kind
    .toLowerCase()
    .replace(/(?<![aeiou])y$/, "ie")
    .concat("s");

describe.each(CRD_KINDS.filter((name) => !name.endsWith("/EnvoyFilter")))("%s", (name) => {
  test("is accepted or refused as we say", { timeout: 300_000 }, async () => {
    const [group = "", kind = ""] = name.split("/");
    const version = servedVersions(group, kind)[0] ?? "";
    const schema = findSchema(group, version, kind);
    if (typeof schema === "string") throw new Error(`${name} ${version}: ${schema}`);
    const objects = specArbitrary(schema, { daring: 15, presence: 12 }).map((spec) => ({
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name: "x", namespace: "app" },
      spec,
    }));
    await agree(`/apis/${group}/${version}/namespaces/app/${plural(kind)}`, objects);
  });
});

test("NetworkPolicy is accepted or refused as we say", { timeout: 300_000 }, async () => {
  const inApp = networkPolicies.map((policy) => {
    const { metadata, ...rest } = Object(policy);
    return { ...rest, metadata: { ...metadata, namespace: "app" } };
  });
  await agree("/apis/networking.k8s.io/v1/namespaces/app/networkpolicies", inApp);
});
