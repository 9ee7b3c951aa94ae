/** A role that exists is taken over at its URN. The provider is a stand-in: which inputs the real one compares is not proven. */
import { CreateRoleCommand, GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import * as aws from "@pulumi/aws";
import * as k8s from "@pulumi/kubernetes";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AccessPlane } from "../../components/index.ts";
import { openPulumi, type PulumiEnvironment } from "../cluster/pulumi.ts";
import { type MotoServer, startMoto } from "../cluster/servers.ts";
import { POLICIES } from "./broken-chains.ts";

let env: PulumiEnvironment;
let moto: MotoServer;
beforeAll(async () => {
  moto = await startMoto();
  env = await openPulumi();
});
afterAll(async () => {
  await env?.close();
  await moto?.stop();
});

test("an import transform is previewed as an import, and not as a second role", async () => {
  const region = "eu-central-1";
  const iam = new IAMClient({
    endpoint: moto.endpoint,
    region,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  const RoleName = "prod-shop-reports";
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const before = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  const stack = await env.inline("adopt", async () => {
    const amazon = new aws.Provider("aws", {
      region,
      endpoints: [{ iam: moto.endpoint, ec2: moto.endpoint, sts: moto.endpoint }],
    });
    const kubernetes = new k8s.Provider("kubernetes", { renderYamlToDirectory: `${env.dir}/rendered` });
    new AccessPlane(
      "shop",
      { policyText: POLICIES, refs: { nodes: "sg-1", database: "sg-2" } },
      {
        providers: [amazon, kubernetes],
        transforms: [
          ({ type, name, props, opts }) =>
            type === "aws:iam/role:Role" && name.endsWith(RoleName)
              ? { props, opts: { ...opts, import: RoleName } }
              : undefined,
        ],
      },
    );
  });
  const { steps } = await stack.preview();
  expect(steps.find(({ type }) => type === "aws:iam/role:Role")?.op).toBe("import");
  const after = await iam.send(new GetRoleCommand({ RoleName }));
  expect(after.Role?.RoleId).toBe(before.Role?.RoleId);
});
