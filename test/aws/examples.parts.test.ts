/**
 * The AWS examples, made by the real engine and taken away again. The providers are stand-ins: that a role can be taken, or
 * a packet passes, is not proven here. The emulator keeps accounts apart by the role that a provider assumes, and looks at no
 * trust; Pod Identity associations and Roles Anywhere are kept by the stand-in itself.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateSecurityGroupCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import {
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListPoliciesCommand,
  ListRolesCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openPulumi, type PulumiEnvironment, type TestStack } from "../cluster/pulumi.ts";
import { type MotoServer, startMoto } from "../cluster/servers.ts";
import { configOf, EXAMPLE_CONFIG } from "./example-config.ts";

const region = "eu-central-1";
const OWN = EXAMPLE_CONFIG.irsa.account;
const OTHER = EXAMPLE_CONFIG.irsa.dataAccount;
let env: PulumiEnvironment;
let moto: MotoServer;
/** Of the cluster's account, and of the database's. */
let accounts: Map<string, IAMClient>;
let ec2: EC2Client;
const group = new Map<string, string>();

beforeAll(async () => {
  moto = await startMoto();
  env = await openPulumi({ env: { AWS_ENDPOINT_URL: moto.endpoint, AWS_REGION: region } });
  const client = { endpoint: moto.endpoint, region };
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const sts = new STSClient({ ...client, credentials });
  const RoleArn = EXAMPLE_CONFIG.irsa.deployRole;
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "test" }));
  const there = {
    accessKeyId: Credentials?.AccessKeyId ?? "",
    secretAccessKey: Credentials?.SecretAccessKey ?? "",
    sessionToken: Credentials?.SessionToken ?? "",
  };
  accounts = new Map([
    [OWN, new IAMClient({ ...client, credentials })],
    [OTHER, new IAMClient({ ...client, credentials: there })],
  ]);
  ec2 = new EC2Client({ ...client, credentials });
  const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({}));
  for (const name of ["nodes", "database"]) {
    const made = await ec2.send(
      new CreateSecurityGroupCommand({ GroupName: name, Description: name, VpcId: Vpcs[0]?.VpcId }),
    );
    group.set(name, made.GroupId ?? "");
  }
});
afterAll(async () => {
  await env?.close();
  await moto?.stop();
});

/** What IAM has in each account, the rules of security groups, and what the stand-in keeps. */
async function inAws(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [account, iam] of accounts) {
    const { Roles = [] } = await iam.send(new ListRolesCommand({}));
    const { Policies = [] } = await iam.send(new ListPoliciesCommand({ Scope: "Local" }));
    const lines = Policies.map(({ Arn }) => `policy ${Arn}`);
    for (const { RoleName, Arn } of Roles) {
      lines.push(`role ${Arn}`);
      const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
      lines.push(...AttachedPolicies.map(({ PolicyArn }) => `attached ${RoleName} ${PolicyArn}`));
    }
    if (lines.length > 0) found[account] = lines.sort();
  }
  const { SecurityGroupRules = [] } = await ec2.send(new DescribeSecurityGroupRulesCommand({}));
  const rules = SecurityGroupRules.filter(
    ({ IsEgress, GroupId }) => !IsEgress && GroupId === group.get("database"),
  );
  if (rules.length > 0) {
    found["rules"] = rules.map(
      ({ FromPort, ToPort, ReferencedGroupInfo }) =>
        `${FromPort}-${ToPort} from ${ReferencedGroupInfo?.GroupId}`,
    );
  }
  const kept = keptByStandIn();
  if (kept.length > 0) found["kept"] = kept;
  return found;
}

/** What the emulator does not have. */
function keptByStandIn(): string[] {
  const file = join(env.dir, "store", "aws.json");
  if (!existsSync(file)) return [];
  const content = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, unknown>>;
  return Object.entries(content)
    .flatMap(([kind, ids]) => Object.keys(ids).map(() => kind))
    .sort();
}

/** An example's program is a module, which runs once: each run of the engine needs it anew. */
function anew(program: () => Promise<object>): () => Promise<Record<string, unknown>> {
  return async () => {
    vi.resetModules();
    return { ...(await program()) };
  };
}

const arn = (account: string, what: string): string => `arn:aws:iam::${account}:${what}`;

const examples = [
  {
    name: "eks",
    program: () => import("../../examples/eks/index.ts"),
    config: () => ({
      nodeSecurityGroup: group.get("nodes") ?? "",
      databaseSecurityGroup: group.get("database") ?? "",
    }),
    types: ["PodIdentityAssociation", "Policy", "Role", "RolePolicyAttachment", "SecurityGroupIngressRule"],
    made: () => ({
      [OWN]: [
        `attached prod-shop-reports ${arn(OWN, "policy/prod-orders-db")}`,
        `policy ${arn(OWN, "policy/prod-orders-db")}`,
        `role ${arn(OWN, "role/prod-shop-reports")}`,
      ],
      rules: [`5432-5432 from ${group.get("nodes")}`],
    }),
  },
  {
    name: "irsa",
    program: () => import("../../examples/irsa/index.ts"),
    config: () => ({}),
    types: ["Policy", "Policy", "Role", "Role", "RolePolicyAttachment", "RolePolicyAttachment"],
    made: () => ({
      [OWN]: [
        `attached prod-shop-reports ${arn(OWN, "policy/prod-shop-reports-chain")}`,
        `policy ${arn(OWN, "policy/prod-shop-reports-chain")}`,
        `role ${arn(OWN, "role/prod-shop-reports")}`,
      ],
      [OTHER]: [
        `attached shop-reports ${arn(OTHER, "policy/prod-orders-db")}`,
        `policy ${arn(OTHER, "policy/prod-orders-db")}`,
        `role ${arn(OTHER, "role/shop-reports")}`,
      ],
    }),
  },
  {
    name: "roles-anywhere",
    program: () => import("../../examples/roles-anywhere/index.ts"),
    // The anchor is protected, so that it outlives a mistake; whoever takes the stack away says so first.
    config: () => ({ protect: "false" }),
    types: ["Policy", "Profile", "Role", "RolePolicyAttachment", "TrustAnchor"],
    made: () => ({
      [OWN]: [
        `attached edge-warehouse-scanner ${arn(OWN, "policy/edge-stock-db")}`,
        `policy ${arn(OWN, "policy/edge-stock-db")}`,
        `role ${arn(OWN, "role/edge-warehouse-scanner")}`,
      ],
    }),
  },
] as const;

describe.each(examples)("examples/$name", ({ name, program, config, types, made }) => {
  const project = `portreeve-${name}`;
  let stack: TestStack;

  test("is previewed with its AWS resources", async () => {
    stack = await env.inline(project, anew(program));
    const renderDir = join(env.dir, name);
    await stack.config(configOf(project, { ...EXAMPLE_CONFIG[name], ...config(), renderDir }));
    const { steps } = await stack.preview();
    const created = steps.filter(({ type, op }) => op === "create" && type.startsWith("aws:"));
    expect(created.map(({ type }) => type.split(":").at(-1)).sort()).toEqual(types);
  });

  test("is made, a second up changes nothing, and destroy leaves nothing", async () => {
    expect(await inAws()).toEqual({});
    await stack.up();
    const { kept, ...rest } = await inAws();
    expect(rest).toEqual(made());
    expect(kept?.map((kind) => kind.toLowerCase()) ?? []).toEqual(
      types.filter((type) => /Association|Profile|Anchor/.test(type)).map((type) => type.toLowerCase()),
    );
    expect((await stack.up()).steps).toEqual([]);
    expect((await stack.preview()).steps).toEqual([]);
    await stack.destroy();
    expect(await inAws()).toEqual({});
  });
});

test("a trust anchor is protected: the example's stack is not destroyed by mistake", async () => {
  const project = "portreeve-roles-anywhere";
  const stack = await env.inline(project, anew(examples[2].program), "kept");
  const renderDir = join(env.dir, "kept");
  await stack.config(configOf(project, { ...EXAMPLE_CONFIG["roles-anywhere"], renderDir }));
  await stack.up();
  await expect(stack.destroy()).rejects.toThrow(/protected/);
});
