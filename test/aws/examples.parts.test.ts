/**
 * The AWS examples, previewed and made by the real engine. The providers are stand-ins; accounts other than the emulator's one
 * are the same account to it, so that two accounts are kept apart is not proven here.
 */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPulumi, type PulumiEnvironment } from "../cluster/pulumi.ts";
import { type MotoServer, startMoto } from "../cluster/servers.ts";
import { configOf, EXAMPLE_CONFIG } from "./example-config.ts";

let env: PulumiEnvironment;
let moto: MotoServer;

beforeAll(async () => {
  moto = await startMoto();
  env = await openPulumi({ env: { AWS_ENDPOINT_URL: moto.endpoint, AWS_REGION: "eu-central-1" } });
});
afterAll(async () => {
  await env?.close();
  await moto?.stop();
});

const programs = {
  eks: () => import("../../examples/eks/index.ts"),
  irsa: () => import("../../examples/irsa/index.ts"),
  "roles-anywhere": () => import("../../examples/roles-anywhere/index.ts"),
};

test.each([
  ["eks", ["PodIdentityAssociation", "Role", "Policy", "RolePolicyAttachment", "SecurityGroupIngressRule"]],
  ["irsa", ["Role", "Role", "Policy", "Policy", "RolePolicyAttachment", "RolePolicyAttachment"]],
  ["roles-anywhere", ["TrustAnchor", "Profile", "Role", "Policy", "RolePolicyAttachment"]],
] as const)("examples/%s is previewed with its AWS resources", async (name, expected) => {
  const project = `portreeve-${name}`;
  const stack = await env.inline(project, async () => ({ ...(await programs[name]()) }));
  const renderDir = join(env.dir, name);
  await stack.config(configOf(project, { ...EXAMPLE_CONFIG[name], renderDir }));
  const { steps } = await stack.preview();
  const made = steps.filter(({ type, op }) => op === "create" && type.startsWith("aws:"));
  expect(made.map(({ type }) => type.split(":").at(-1)).sort()).toEqual([...expected].sort());
});
