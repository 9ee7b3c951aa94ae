import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCluster } from "../../policy/kubernetes/reach/index.ts";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { KubeError } from "../cluster/kube-client.ts";
import { sample } from "./generate.ts";

// Do we refuse a NetworkPolicy exactly when a real API server does? Half of the valid policies are spoilt in one place
// at random, and both are asked. Dry runs only; other kinds are not compared, as of those we read a few fields.

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({});
});
afterAll(() => plane?.stop());

const RUNS = 1500;

const oddValue = fc.constantFrom<unknown>(
  null,
  "",
  "x",
  "http",
  "a-name-that-is-too-long",
  "80",
  "TCP",
  "tcp",
  "In",
  "Ingress",
  "10.0.0.0/8",
  "10.1.2.3/8",
  "10.0.0.0",
  "300.0.0.0/8",
  "10.0.0.0/33",
  "::/0",
  "2001:db8::1/64",
  "Aa_b",
  "-a",
  0,
  1,
  80,
  65535,
  65536,
  -1,
  1.5,
  true,
  [],
  {},
  [null],
  [{}],
  [""],
  ["Egress"],
  { app: "a" },
  { app: null },
  { "bad key": "a" },
  { extra: 1 },
);

type Path = readonly (string | number)[];

/** Every place in a value, the value itself aside. */
function places(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  const below = entries.flatMap(([key, inner]) => places(inner, [...path, key]));
  return path.length === 0 ? below : [path, ...below];
}

function replaced(value: unknown, [step, ...rest]: Path, by: unknown): unknown {
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? replaced(item, rest, by) : item));
  const object = value as Record<string, unknown>;
  return { ...object, [step]: replaced(object[step], rest, by) };
}

/** The generator does not care whether exceptions lie in their block; in 0.0.0.0/0 they all do. */
function withoutStrayExceptions(spec: unknown): unknown {
  return JSON.parse(JSON.stringify(spec), (_, value) =>
    value?.except && value.cidr !== "0.0.0.0/0" ? { cidr: value.cidr } : value,
  );
}

const spoilt = fc
  .tuple(sample, fc.nat(), fc.nat(), oddValue, fc.boolean())
  .filter(([{ world }]) => world.policies.length > 0)
  .map(([{ world }, which, where, by, spoil]) => {
    const spec = withoutStrayExceptions(world.policies[which % world.policies.length]?.spec);
    if (!spoil) return spec;
    const all = places(spec);
    const path = all.length === 0 ? ["podSelector"] : (all[where % all.length] ?? []);
    return replaced(spec, path, by);
  });

test("a NetworkPolicy is refused exactly when the API server refuses it", async () => {
  const differences: string[] = [];
  let refused = 0;
  for (const [i, spec] of fc.sample(spoilt, { numRuns: RUNS, seed: 20_260_821 }).entries()) {
    const object = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `p${i}`, namespace: "default" },
      spec,
    };
    const theirs = await refusal(object);
    const { problems } = readCluster([object]);
    const ours = problems.find(({ severity }) => severity === "error")?.message;
    if (theirs !== undefined) refused++;
    if ((theirs === undefined) === (ours === undefined)) continue;
    if (theirs !== undefined && isClearAllTheSame(theirs) && problems.length > 0) continue;
    differences.push(`${JSON.stringify(spec)}\n  server: ${theirs}\n  we: ${ours}`);
  }
  expect(differences).toEqual([]);
  expect(refused / RUNS).toBeGreaterThan(0.2);
  expect(refused / RUNS).toBeLessThan(0.9);
});

/** Blocks that are clear all the same, some of which clusters hold since older servers let them in: we warn, and answer. */
function isClearAllTheSame(refusal: string): boolean {
  const complaints = refusal.match(/Invalid value: "[^"]*": [^,\]]+/g) ?? [];
  return complaints.every((text) =>
    /must be a strict subset of|must not have bits set beyond the prefix length/.test(text),
  );
}

async function refusal(object: object): Promise<string | undefined> {
  const path =
    "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies?dryRun=All&fieldValidation=Strict";
  try {
    await plane.client.request("POST", path, object);
    return undefined;
  } catch (error) {
    if (error instanceof KubeError && error.code < 500) return error.message;
    throw error;
  }
}
