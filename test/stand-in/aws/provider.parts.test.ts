/**
 * The AWS stand-in between the real engine and the emulator. What it does not prove: that a role can be taken or a
 * packet passes; the emulator evaluates neither trust nor rules.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DescribeSecurityGroupRulesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { DeleteRoleCommand, GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import * as aws from "@pulumi/aws";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPulumi, type PulumiEnvironment } from "../../cluster/pulumi.ts";
import { type MotoServer, startMoto } from "../../cluster/servers.ts";

let env: PulumiEnvironment;
let moto: MotoServer;
let iam: IAMClient;
let ec2: EC2Client;
beforeAll(async () => {
  moto = await startMoto();
  env = await openPulumi();
  const client = {
    endpoint: moto.endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  [iam, ec2] = [new IAMClient(client), new EC2Client(client)];
});
afterAll(async () => {
  await env?.close();
  await moto?.stop();
});

const provider = () =>
  new aws.Provider("aws", {
    region: "eu-west-1",
    endpoints: [{ iam: moto.endpoint, ec2: moto.endpoint, sts: moto.endpoint }],
    defaultTags: { tags: { team: "platform" } },
  });

const trust = (action: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "pods.eks.amazonaws.com" }, Action: action }],
  });

const connect = (user: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "rds-db:connect", Resource: `arn:aws:rds-db:eu-west-1:1:dbuser:db/${user}` },
    ],
  });

test("create, no change, update, drift, destroy", async () => {
  const wanted = { action: "sts:AssumeRole", user: "reports", port: 5432 };
  const stack = await env.inline("aws", async () => {
    const options = { provider: provider() };
    const role = new aws.iam.Role(
      "role",
      { name: "reports", assumeRolePolicy: trust(wanted.action), tags: { a: "b" } },
      options,
    );
    const policy = new aws.iam.Policy("policy", { policy: connect(wanted.user) }, options);
    new aws.iam.RolePolicyAttachment("attachment", { role: role.name, policyArn: policy.arn }, options);
    new aws.eks.PodIdentityAssociation(
      "association",
      { clusterName: "prod", namespace: "shop", serviceAccount: "reports", roleArn: role.arn },
      options,
    );
    const database = new aws.ec2.SecurityGroup("database", { description: "database" }, options);
    const nodes = new aws.ec2.SecurityGroup("nodes", { description: "nodes" }, options);
    new aws.vpc.SecurityGroupIngressRule(
      "rule",
      {
        securityGroupId: database.id,
        referencedSecurityGroupId: nodes.id,
        ipProtocol: "tcp",
        fromPort: wanted.port,
        toPort: wanted.port,
      },
      options,
    );
    return { group: database.id, roleArn: role.arn };
  });

  const preview = await stack.preview();
  expect(preview.summary).toEqual({ create: 9 });
  await expect(iam.send(new GetRoleCommand({ RoleName: "reports" }))).rejects.toThrow();

  const { outputs } = await stack.up();
  expect(outputs.roleArn?.value).toBe("arn:aws:iam::123456789012:role/reports");
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: "reports" }));
  expect(Role?.Tags).toEqual(
    expect.arrayContaining([
      { Key: "team", Value: "platform" },
      { Key: "a", Value: "b" },
    ]),
  );
  expect((await stack.up()).summary).toEqual({ same: 9 });
  expect((await stack.refresh()).summary).toEqual({ same: 9 });

  wanted.user = "reports_ro";
  wanted.action = "sts:TagSession";
  wanted.port = 5433;
  const update = await stack.preview();
  expect(update.summary).toEqual({ same: 6, update: 2, replace: 1 });
  await stack.up();
  const rules = await ec2.send(
    new DescribeSecurityGroupRulesCommand({
      Filters: [{ Name: "group-id", Values: [outputs.group?.value] }],
    }),
  );
  const ingress = rules.SecurityGroupRules?.filter((rule) => !rule.IsEgress).map((rule) => rule.FromPort);
  expect(ingress).toEqual([5433]);
  expect((await stack.up()).summary).toEqual({ same: 9 });

  expect((await stack.destroy()).summary).toEqual({ delete: 9 });
  await expect(iam.send(new GetRoleCommand({ RoleName: "reports" }))).rejects.toThrow();
  expect(JSON.parse(readFileSync(join(env.dir, "store/aws.json"), "utf8"))).toEqual({
    podIdentityAssociation: {},
  });
});

test("a role deleted by hand is seen by a refresh and made again", async () => {
  const stack = await env.inline("drift", async () => {
    new aws.iam.Role(
      "role",
      { name: "drifting", assumeRolePolicy: trust("sts:AssumeRole") },
      { provider: provider() },
    );
  });
  await stack.up();
  await iam.send(new DeleteRoleCommand({ RoleName: "drifting" }));
  expect((await stack.refresh()).summary).toMatchObject({ delete: 1 });
  expect((await stack.up()).summary).toMatchObject({ create: 1 });
  await stack.destroy();
});

test("what AWS refuses is refused: a second association for one service account", async () => {
  const stack = await env.inline("twice", async () => {
    const options = { provider: provider() };
    const args = {
      clusterName: "prod",
      namespace: "shop",
      serviceAccount: "api",
      roleArn: "arn:aws:iam::1234:role/x",
    };
    new aws.eks.PodIdentityAssociation("bad-role", args, options);
  });
  await expect(stack.up()).rejects.toThrow(/is not the ARN of a role.*test stand-in for the aws provider/s);
  await stack.destroy();
  const roleArn = "arn:aws:iam::123456789012:role/x";
  const both = await env.inline("both", async () => {
    const options = { provider: provider() };
    const args = { clusterName: "prod", namespace: "shop", serviceAccount: "api", roleArn };
    const first = new aws.eks.PodIdentityAssociation("first", args, options);
    new aws.eks.PodIdentityAssociation("second", args, { ...options, dependsOn: [first] });
  });
  await expect(both.up()).rejects.toThrow(/ResourceInUseException/);
  await both.destroy();
});

test("a type that is not written says so", async () => {
  const stack = await env.inline("unknown-type", async () => {
    new aws.sqs.Queue("queue", { name: "q" }, { provider: provider() });
  });
  await expect(stack.preview()).rejects.toThrow(/aws:sqs\/queue:Queue is not written; there are: aws:iam/);
});
