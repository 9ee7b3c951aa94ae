/**
 * AWS accounts from a program that is not TypeScript. This stops at the preview: it shows which provider each resource is
 * given; that each account then gets its own is `examples.parts.test.ts`.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPulumi, type PulumiEnvironment } from "../cluster/pulumi.ts";
import { type MotoServer, startMoto } from "../cluster/servers.ts";

const root = join(import.meta.dirname, "../..");
const OTHER = "444455556666";
let env: PulumiEnvironment;
let moto: MotoServer;

beforeAll(async () => {
  moto = await startMoto();
  env = await openPulumi({
    languages: ["yaml"],
    env: { AWS_ENDPOINT_URL: moto.endpoint, AWS_REGION: "eu-central-1" },
  });
  const plugin = join(env.bin, "pulumi-resource-portreeve");
  writeFileSync(
    plugin,
    `#!/bin/sh\nexec '${process.execPath}' '${join(root, "dist/provider/main.js")}' "$@"\n`,
  );
  chmodSync(plugin, 0o755);
});
afterAll(async () => {
  await env?.close();
  await moto?.stop();
});

const POLICIES = `
apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: example.com
  clusters:
    - { name: prod, dataPlane: sidecar, istioVersion: "1.31", eks: { name: prod, account: "111122223333", region: eu-central-1 } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec:
  protocol: postgres
  hosts: [db.example.com]
  ports: [5432]
  location: { type: external }
  tls: { mode: simple }
  aws: { account: "${OTHER}", region: eu-central-1, rds: { resourceId: cluster-A, users: [app] } }
---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: api, namespace: shop }
spec: { selector: { app: api }, aws: { mode: pod-identity, assume: [{ account: "${OTHER}", externalId: shop }] } }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: g }
spec: { from: { workloads: [shop/api] }, to: { service: db }, owner: shop }
`;

function project(name: string, accounts: object): string {
  const dir = join(env.dir, name);
  mkdirSync(dir);
  const program = {
    name: `accounts-${name}`,
    runtime: "yaml",
    resources: {
      kubernetes: {
        type: "pulumi:providers:kubernetes",
        properties: { renderYamlToDirectory: join(dir, "out") },
      },
      plane: {
        type: "portreeve:index:AccessPlane",
        properties: { policyText: POLICIES, awsAccounts: accounts },
        options: { providers: ["${kubernetes}"] },
      },
    },
  };
  writeFileSync(join(dir, "Pulumi.yaml"), JSON.stringify(program));
  return dir;
}

test("a role in another account is made with that account's own provider", async () => {
  const roleArn = `arn:aws:iam::${OTHER}:role/deploy`;
  const dir = project("made", { [OTHER]: { region: "eu-central-1", roleArn, externalId: "shop" } });
  const stack = await env.folder(dir);
  await stack.preview();
  const { steps } = JSON.parse(await env.cli(dir, ["preview", "--json", "--stack", "test"])) as Preview;
  const states = steps.flatMap(({ newState }) => newState ?? []);
  const provider = states.find(({ urn }) => urn.endsWith(`::plane-${OTHER}`));
  expect(provider?.inputs).toMatchObject({ allowedAccountIds: JSON.stringify([OTHER]) });
  expect(provider?.inputs.assumeRoles).toContain(`arn:aws:iam::${OTHER}:role/deploy`);
  const roles = states.filter(({ type }) => type === "aws:iam/role:Role");
  const there = roles.filter((role) => role.provider?.startsWith(`${provider?.urn}::`));
  expect(roles).toHaveLength(2);
  expect(there.map(({ inputs }) => inputs.name)).toEqual(["prod-shop-api"]);
  expect(there[0]?.urn).toContain(`.${OTHER}.`);
});

interface Preview {
  readonly steps: readonly {
    readonly newState?: {
      readonly urn: string;
      readonly type: string;
      readonly provider?: string;
      readonly inputs: Readonly<Record<string, unknown>>;
    };
  }[];
}

test.each([
  ["nobody", {}, /PR611: .* belongs to AWS account 444455556666/],
  ["number", { "4444": { region: "eu-central-1" } }, /"4444" is no AWS account; write its twelve digits/],
  ["field", { [OTHER]: { role: "arn" } }, /Property role does not exist on .*AccountAccess/],
])("a mistake stops the preview: %s", async (name, accounts, message) => {
  const stack = await env.folder(project(name, accounts));
  await expect(stack.preview()).rejects.toThrow(message);
});
