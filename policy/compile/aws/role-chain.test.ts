/** Roles of other accounts. The documents are judged by an independent simulator; that STS hands on session tags as documented is not proven here. */
import { describe, expect, test } from "vitest";
import { actionMutants, conditionMutants } from "../../../test/aws/mutants.ts";
import { allowed } from "../../../test/aws/simulate.ts";
import { loadModel } from "../../load/index.ts";
import { grant, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import type { WorkloadSpecInput } from "../../schema/index.ts";
import { compileAws } from "./compile.ts";
import type { AwsObject, IamDocument } from "./objects.ts";

const OWN = "111122223333";
const OTHER = "444455556666";
const FIRST = `arn:aws:iam::${OWN}:role/prod-shop-reports`;
const SECOND = `arn:aws:iam::${OTHER}:role/prod-shop-reports`;

const estate = trust("estate", {
  trustDomain: "prod.example.com",
  clusters: [
    {
      name: "prod",
      dataPlane: "sidecar",
      istioVersion: "1.31",
      eks: { name: "prod", account: OWN, region: "eu-central-1" },
    },
  ],
});
const reports = (aws: object): PolicyObject =>
  workload("shop/reports", { aws: { mode: "pod-identity", ...aws } } as WorkloadSpecInput);
const database = service("orders-db", {
  protocol: "postgres",
  hosts: ["orders.example.com"],
  ports: [5432],
  location: { type: "external" },
  aws: { account: OTHER, rds: { resourceId: "cluster-ABC" } },
});
const opened = grant("reports-orders", {
  from: { workloads: ["shop/reports"] },
  to: { service: "orders-db" },
});
const chain = { assume: [{ account: OTHER, externalId: "shop-reports-7f3a" }] };

function compile(...objects: PolicyObject[]) {
  const model = loadModel({ objects: [estate, database, opened, ...objects] });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileAws({ model, cluster });
  const object = <T extends AwsObject["type"]>(type: T, name: string): Extract<AwsObject, { type: T }> => {
    const found = targets.find(({ key }) => key === `${type}/${name}`)?.object;
    if (found?.type !== type) throw new Error(`no ${type}/${name}`);
    return found as Extract<AwsObject, { type: T }>;
  };
  return { keys: targets.map(({ key }) => key), findings, object };
}

test("the permission to connect is the second role's, and the first may only take that role", () => {
  const { keys, findings, object } = compile(reports(chain));
  expect(findings).toEqual([]);
  expect(keys).toEqual([
    "eks.PodIdentityAssociation/shop/reports",
    `iam.Policy/${OTHER}/prod-orders-db`,
    "iam.Policy/prod-shop-reports-chain",
    `iam.Role/${OTHER}/prod-shop-reports`,
    "iam.Role/prod-shop-reports",
    `iam.RolePolicyAttachment/${OTHER}/prod-shop-reports/prod-orders-db`,
    "iam.RolePolicyAttachment/prod-shop-reports/prod-shop-reports-chain",
  ]);
  expect(object("iam.Role", `${OTHER}/prod-shop-reports`)).toMatchObject({
    account: OTHER,
    arn: SECOND,
    chainedFrom: FIRST,
    maxSessionDuration: 3600,
  });
  expect(object("iam.Policy", "prod-shop-reports-chain").document.Statement).toEqual([
    {
      Sid: "AssumeRoles",
      Effect: "Allow",
      Action: ["sts:AssumeRole", "sts:TagSession"],
      Resource: [SECOND],
    },
  ]);
});

describe("the second role", () => {
  const session = `arn:aws:sts::${OWN}:assumed-role/prod-shop-reports/pod`;
  const ask = async (
    change: { principal?: string; externalId?: string; arn?: string; action?: string } = {},
    mutant?: IamDocument,
  ): Promise<boolean> => {
    const { object } = compile(reports(chain));
    const context = {
      "aws:PrincipalArn": change.arn ?? FIRST,
      ...(change.action === undefined && { "sts:ExternalId": change.externalId ?? "shop-reports-7f3a" }),
    };
    return allowed(
      {
        principal: change.principal ?? session,
        action: change.action ?? "sts:AssumeRole",
        resource: SECOND,
        account: OTHER,
        context,
      },
      {
        trust: mutant ?? object("iam.Role", `${OTHER}/prod-shop-reports`).trust,
        permissions: [object("iam.Policy", "prod-shop-reports-chain").document],
      },
    );
  };

  test("lets the first one in, with its session tags", async () => {
    expect(await ask()).toBe(true);
    expect(await ask({ action: "sts:TagSession" })).toBe(true);
  });

  test.each([
    ["another external id", { externalId: "guess" }],
    [
      "another role of the same account",
      {
        principal: session.replace("reports", "api"),
        arn: FIRST.replace("reports", "api"),
      },
    ],
    [
      "a role of that name in a third account",
      { principal: session.replace(OWN, "999999999999"), arn: FIRST.replace(OWN, "999999999999") },
    ],
  ])("refuses %s", async (_, change) => {
    expect(await ask(change)).toBe(false);
  });

  test("has nothing in its trust that could be left out or loosened unnoticed", async () => {
    const api = { principal: session.replace("reports", "api"), arn: FIRST.replace("reports", "api") };
    const calls = [
      {},
      { action: "sts:TagSession" },
      { externalId: "guess" },
      api,
      { ...api, action: "sts:TagSession" },
    ];
    const { trust: document } = compile(reports(chain)).object("iam.Role", `${OTHER}/prod-shop-reports`);
    const mutants = [...conditionMutants(document), ...actionMutants(document)];
    expect(mutants).toHaveLength(8);
    for (const { what, document: mutant } of mutants) {
      const results = await Promise.all(calls.map((call) => ask(call, mutant)));
      const asBefore = results.every((result, index) => result === index < 2);
      expect({ what, noticed: !asBefore }).toEqual({ what, noticed: true });
    }
  });
});

test("IRSA hands on no tags, so none are allowed", () => {
  const irsa = workload("shop/reports", {
    aws: {
      mode: "roles-anywhere",
      ...chain,
      account: OWN,
      trustAnchorArn: `arn:aws:rolesanywhere:eu-central-1:${OWN}:trust-anchor/1`,
    },
  });
  expect(compile(irsa).object("iam.Role", `${OTHER}/prod-shop-reports`).trust.Statement).toHaveLength(2);
  const issuer = trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [
      {
        name: "prod",
        dataPlane: "sidecar",
        istioVersion: "1.31",
        eks: {
          name: "prod",
          account: OWN,
          region: "eu-central-1",
          oidcIssuer: "https://oidc.example.com/id/A",
        },
      },
    ],
  });
  const model = loadModel({
    objects: [issuer, database, opened, workload("shop/reports", { aws: { mode: "irsa", ...chain } })],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const roles = compileAws({ model, cluster }).targets.flatMap(({ object }) =>
    object.type === "iam.Role" && object.chainedFrom !== undefined ? [object.trust.Statement] : [],
  );
  expect(roles.flat().flatMap(({ Action }) => Action)).toEqual(["sts:AssumeRole"]);
});

test("a role that exists there gets the permission and no trust of ours", () => {
  const arn = `arn:aws:iam::${OTHER}:role/readers`;
  const { keys, object } = compile(
    reports({ assume: [{ account: OTHER, externalId: "shop", roleArn: arn }] }),
  );
  expect(keys.filter((key) => key.startsWith("iam.Role/"))).toEqual(["iam.Role/prod-shop-reports"]);
  expect(object("iam.RolePolicyAttachment", `${OTHER}/shop-reports/prod-orders-db`)).toMatchObject({
    account: OTHER,
    role: { arn },
  });
});

test("a cache is named by what it is", () => {
  const cache = (kind: "serverless" | undefined) =>
    service("cache", {
      protocol: "redis",
      hosts: ["c.example.com"],
      ports: [6379],
      location: { type: "external" },
      aws: { elasticache: { ...(kind && { kind }), replicationGroup: "sessions", users: ["web"] } },
    });
  const open = grant("g", { from: { workloads: ["shop/reports"] }, to: { service: "cache" } });
  const arns = (kind: "serverless" | undefined) =>
    compile(reports(chain), cache(kind), open).object("iam.Policy", "prod-cache").document.Statement[0]
      ?.Resource;
  const base = `arn:aws:elasticache:eu-central-1:${OWN}`;
  expect(arns(undefined)).toEqual([`${base}:replicationgroup:sessions`, `${base}:user:web`]);
  expect(arns("serverless")).toEqual([`${base}:serverlesscache:sessions`, `${base}:user:web`]);
});

test.each([
  ["a database of another account without a chain", {}, "PR612", /in account 444455556666/],
  [
    "a chain to its own account",
    { assume: [{ account: OWN, externalId: "xx" }, ...chain.assume] },
    "PR613",
    /its own role/,
  ],
  [
    "two roles in one account",
    { assume: [...chain.assume, { account: OTHER, externalId: "xx" }] },
    "PR613",
    /twice/,
  ],
])("%s is refused", (_, aws, rule, message) => {
  expect(compile(reports(aws)).findings).toMatchObject([
    { rule, severity: "error", object: "Workload/shop/reports", message: expect.stringMatching(message) },
  ]);
});
