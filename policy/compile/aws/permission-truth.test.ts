/**
 * Every permission document, of clients, of the proxy, and of a role that takes another: each part of each resource, each
 * action and each condition is needed, by a simulator of IAM that is not ours. What a call looks like at AWS is not proven.
 */
import { describe, expect, test } from "vitest";
import { actionMutants, conditionMutants, resourceMutants, withPart } from "../../../test/aws/mutants.ts";
import { allowed } from "../../../test/aws/simulate.ts";
import { loadModel } from "../../load/index.ts";
import { grant, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import type { ServiceSpecInput } from "../../schema/index.ts";
import { compileAws } from "./compile.ts";
import type { IamDocument, IamPolicy } from "./objects.ts";

const OWN = "111122223333";
const DATA = "444455556666";
const ROLE = "role-of-somebody";

const external = (
  name: string,
  protocol: "postgres" | "redis" | "kafka" | "mysql",
  aws: ServiceSpecInput["aws"],
  rest: Partial<ServiceSpecInput> = {},
): PolicyObject[] => [
  service(name, {
    protocol,
    hosts: [`${name}.example.com`],
    ports: [5432],
    location: { type: "external" },
    tls: { mode: "simple" },
    ...(aws && { aws }),
    ...rest,
  }),
  grant(`api-${name}`, {
    from: { workloads: ["shop/api"] },
    to: { service: name },
    ...(name === "temporary" && { when: { notBefore: "2026-06-01", expires: "2027-01-01" } }),
  }),
];

const objects: PolicyObject[] = [
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [
      {
        name: "prod",
        dataPlane: "sidecar",
        istioVersion: "1.31",
        eks: { name: "prod", account: OWN, region: "eu-central-1" },
      },
    ],
  }),
  workload("shop/api", {
    aws: { mode: "pod-identity", assume: [{ account: DATA, externalId: "shop-api-7f3a" }] },
  }),
  ...external("orders", "postgres", { rds: { resourceId: "cluster-ABC", users: ["app", "report"] } }),
  ...external("elsewhere", "postgres", { account: DATA, rds: { resourceId: "cluster-DEF" } }),
  ...external("temporary", "postgres", { rds: { resourceId: "cluster-TMP", users: ["app"] } }),
  ...external("sessions", "redis", { elasticache: { replicationGroup: "sessions", users: ["web"] } }),
  ...external("events", "kafka", {
    msk: { cluster: "events", uuid: "0a1b-2", topics: ["orders"], groups: ["api-*"] },
  }),
  ...external("ledger", "mysql", {
    secret: `arn:aws:secretsmanager:eu-central-1:${OWN}:secret:ledger-AbCdEf`,
  }),
  ...external(
    "billing",
    "postgres",
    { rds: { resourceId: "cluster-BIL", users: ["app"] } },
    { auth: "rds-iam" },
  ),
  ...external(
    "cache",
    "redis",
    { elasticache: { kind: "serverless", replicationGroup: "cache", users: ["web"] } },
    { auth: "elasticache-iam" },
  ),
];

const model = loadModel({ objects });
const [cluster] = model.trust.spec.clusters;
if (!cluster) throw new Error("no cluster");
const { targets, findings } = compileAws({ model, cluster });
const policies = targets.flatMap(({ object }): IamPolicy[] => (object.type === "iam.Policy" ? [object] : []));

/** Within both of the windows that there are. */
const NOW = "2026-11-21T12:00:00Z";

interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly at?: string;
}

/** What the document says for a role of the resource's own account: nothing but the document decides. */
function says(document: IamDocument, { action, resource, at = NOW }: Asked): Promise<boolean> {
  const account = resource.split(":")[4] ?? "";
  const principal = `arn:aws:sts::${account}:assumed-role/${ROLE}/session`;
  // A document without a condition reads no clock, and the simulator would complain of one that it is told.
  const context = document.Statement.some(({ Condition }) => Condition) ? { "aws:CurrentTime": at } : {};
  return allowed({ principal, action, resource, account, context }, { permissions: [document] });
}

/** Each action on each resource; where the document has a pattern, on one that matches it. */
function granted(document: IamDocument): Asked[] {
  return document.Statement.flatMap(({ Action, Resource = [] }) =>
    Resource.flatMap((resource) =>
      Action.map((action) => ({ action, resource: resource.replace("*", "1") })),
    ),
  );
}

const actionsOn = (document: IamDocument, resource: string): readonly string[] =>
  document.Statement.flatMap(({ Action, Resource = [] }) => (Resource.includes(resource) ? Action : []));

test("there is one of each kind", () => {
  expect(findings).toEqual([]);
  expect(policies.map(({ name, account }) => `${account} ${name}`).sort()).toEqual([
    `${OWN} prod-billing-login`,
    `${OWN} prod-cache-login`,
    `${OWN} prod-events`,
    `${OWN} prod-ledger`,
    `${OWN} prod-orders`,
    `${OWN} prod-sessions`,
    `${OWN} prod-shop-api-chain`,
    `${OWN} prod-temporary-from-20260601T000000Z-until-20270101T000000Z`,
    `${DATA} prod-elsewhere`,
  ]);
});

describe.each(policies)("$name", ({ document }) => {
  test("allows what it names", async () => {
    for (const asked of granted(document)) {
      expect({ asked, allowed: await says(document, asked) }).toEqual({ asked, allowed: true });
    }
  });

  test("each action is needed", async () => {
    for (const { what, document: mutant } of actionMutants(document)) {
      const results = await Promise.all(granted(document).map((asked) => says(mutant, asked)));
      expect({ what, noticed: results.includes(false) }).toEqual({ what, noticed: true });
    }
  });

  test("each part of each resource is the one that it names, and an open one would be noticed", async () => {
    const mutants = [...resourceMutants(document)];
    expect(mutants.length).toBeGreaterThan(1);
    for (const { what, document: mutant, resource, part } of mutants) {
      const elsewhere = withPart(resource, part, part === 8 ? "999999999999" : "another").replace("*", "1");
      for (const action of actionsOn(document, resource)) {
        const asked = { action, resource: elsewhere };
        expect({ what, asked, allowed: await says(document, asked) }).toEqual({
          what,
          asked,
          allowed: false,
        });
        expect({ what, asked, allowed: await says(mutant, asked) }).toEqual({ what, asked, allowed: true });
      }
    }
  });
});

test("each end of a time window is needed", async () => {
  const document = policies.find(({ name }) => name.startsWith("prod-temporary"))?.document;
  if (!document) throw new Error("no policy");
  const [asked] = granted(document);
  if (!asked) throw new Error("nothing granted");
  const instants = [
    "2026-05-31T23:59:59Z",
    "2026-06-01T00:00:00Z",
    "2026-12-31T23:59:59Z",
    "2027-01-01T00:00:00Z",
  ];
  const ask = (of: IamDocument) => Promise.all(instants.map((at) => says(of, { ...asked, at })));
  const expected = [false, true, true, false];
  expect(await ask(document)).toEqual(expected);
  const mutants = [...conditionMutants(document)];
  expect(mutants).toHaveLength(4);
  for (const { what, document: mutant } of mutants) {
    expect({ what, answers: await ask(mutant) }).not.toEqual({ what, answers: expected });
  }
});

test("who holds what: clients their own permissions, the proxy the logins, and neither the other's", () => {
  const held = targets.flatMap(({ object }) =>
    object.type === "iam.RolePolicyAttachment"
      ? [`${object.role.arn.split(":role/")[1]} ${object.policy.arn.split(":policy/")[1]}`]
      : [],
  );
  expect(held.filter((line) => line.includes("-login"))).toEqual([
    "prod-portreeve-portreeve-proxy prod-billing-login",
    "prod-portreeve-portreeve-proxy prod-cache-login",
  ]);
  expect(held.filter((line) => line.startsWith("prod-portreeve"))).toHaveLength(2);
  expect(held).toHaveLength(policies.length);
});
