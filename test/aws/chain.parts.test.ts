/**
 * The chain through the real engine: what is broken fails the preview with the link's name; what is whole is made in the
 * AWS emulator, once, and taken away without a trace. The providers are stand-ins: that AWS lets the workload in is judged by
 * the IAM simulator elsewhere, not here.
 */
import {
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { IAMClient, ListPoliciesCommand, ListRolesCommand } from "@aws-sdk/client-iam";
import * as aws from "@pulumi/aws";
import * as k8s from "@pulumi/kubernetes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AccessPlane } from "../../components/index.ts";
import { openPulumi, type PulumiEnvironment, type TestStack } from "../cluster/pulumi.ts";
import { type MotoServer, startMoto } from "../cluster/servers.ts";
import { BREAKS, POLICIES } from "./broken-chains.ts";

const region = "eu-central-1";
let env: PulumiEnvironment;
let moto: MotoServer;
let iam: IAMClient;
let ec2: EC2Client;
let stack: TestStack;
let policies = POLICIES;

beforeAll(async () => {
  moto = await startMoto();
  env = await openPulumi();
  const client = {
    endpoint: moto.endpoint,
    region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  [iam, ec2] = [new IAMClient(client), new EC2Client(client)];
  stack = await env.inline("chain", async () => {
    const amazon = new aws.Provider("aws", {
      region,
      endpoints: [{ iam: moto.endpoint, ec2: moto.endpoint, sts: moto.endpoint }],
    });
    const kubernetes = new k8s.Provider("kubernetes", { renderYamlToDirectory: `${env.dir}/rendered` });
    const group = (name: string) =>
      new aws.ec2.SecurityGroup(name, { name, description: name }, { provider: amazon }).id;
    new AccessPlane(
      "shop",
      { policyText: policies, refs: { nodes: group("nodes"), database: group("database") } },
      { providers: [amazon, kubernetes] },
    );
  });
});

afterAll(async () => {
  await env?.close();
  await moto?.stop();
});

/** Everything of ours that the emulator holds; its own default group is not ours. */
async function leftInAws() {
  const { Roles = [] } = await iam.send(new ListRolesCommand({}));
  const { Policies = [] } = await iam.send(new ListPoliciesCommand({ Scope: "Local" }));
  const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({}));
  const { SecurityGroupRules = [] } = await ec2.send(new DescribeSecurityGroupRulesCommand({}));
  return {
    roles: Roles.map(({ RoleName }) => RoleName),
    policies: Policies.map(({ PolicyName }) => PolicyName),
    // The engine makes the two groups side by side, so the emulator lists them in either order.
    groups: SecurityGroups.map(({ GroupName }) => GroupName)
      .filter((name) => name !== "default")
      .sort(),
    rules: SecurityGroupRules.filter(({ IsEgress, FromPort }) => !IsEgress && FromPort !== -1).map(
      ({ FromPort }) => FromPort,
    ),
  };
}
const NOTHING = { roles: [], policies: [], groups: [], rules: [] };

describe("a broken link fails the preview by its name", () => {
  test.each(BREAKS)("$link: $how", async ({ link, policies: bad, reason }) => {
    policies = bad;
    const failure = await stack.preview().then(
      () => "no failure",
      (error: unknown) => String(error),
    );
    expect(failure).toContain(`PR614: the chain shop/reports → orders-db breaks at its link "${link}": `);
    expect(failure).toMatch(reason);
  });

  test("and makes nothing", async () => {
    expect(await leftInAws()).toEqual(NOTHING);
  });
});

test("a whole chain is made once, unmade with its grant, and leaves nothing", async () => {
  policies = POLICIES;
  await stack.up();
  expect(await leftInAws()).toEqual({
    roles: ["prod-shop-reports"],
    policies: ["prod-orders-db"],
    groups: ["database", "nodes"],
    rules: [5432],
  });
  expect((await stack.up()).steps).toEqual([]);

  policies = POLICIES.slice(0, POLICIES.lastIndexOf("---"));
  await stack.up();
  expect(await leftInAws()).toEqual({
    roles: ["prod-shop-reports"],
    policies: [],
    groups: ["database", "nodes"],
    rules: [],
  });

  policies = POLICIES;
  await stack.destroy();
  expect(await leftInAws()).toEqual(NOTHING);
});
