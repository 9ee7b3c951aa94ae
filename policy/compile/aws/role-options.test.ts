import { expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { grant, service, trust, workload } from "../../load/object.ts";
import type { WorkloadSpecInput } from "../../schema/index.ts";
import { compileAws } from "./compile.ts";
import type { IamRole } from "./objects.ts";

const ACCOUNT = "111122223333";
const DATA = "444455556666";
const BOUNDARY = `arn:aws:iam::${ACCOUNT}:policy/boundary`;

/** The roles of a workload with this `aws` block, and the proxy's. */
function roles(aws: Partial<NonNullable<WorkloadSpecInput["aws"]>>, region = "eu-central-1") {
  const model = loadModel({
    objects: [
      trust("estate", {
        trustDomain: "prod.example.com",
        clusters: [
          {
            name: "prod",
            dataPlane: "sidecar",
            istioVersion: "1.31",
            eks: { name: "prod", account: ACCOUNT, region },
          },
        ],
        defaults: { permissionsBoundary: BOUNDARY },
      }),
      workload("shop/api", {
        owner: "team-shop",
        aws: { mode: "pod-identity", ...aws } as NonNullable<WorkloadSpecInput["aws"]>,
      }),
      service("db", {
        protocol: "postgres",
        hosts: ["db.example.com"],
        ports: [5432],
        location: { type: "external" },
        tls: { mode: "simple" },
        auth: "rds-iam",
        aws: { rds: { resourceId: "cluster-A", users: ["app"] } },
      }),
      grant("g", { from: { workloads: ["shop/api"] }, to: { service: "db" } }),
    ],
  });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileAws({ model, cluster });
  const made = targets.flatMap(({ object }): IamRole[] => (object.type === "iam.Role" ? [object] : []));
  return {
    findings,
    own: made.find(({ account, description }) => account === ACCOUNT && description.startsWith("shop/api")),
    proxy: made.find(({ description }) => description.startsWith("Portreeve proxy")),
    second: made.find(({ chainedFrom }) => chainedFrom !== undefined),
  };
}

test("a role has Trust's boundary, or its own, and so has the proxy's", () => {
  const usual = roles({});
  expect(usual.own?.permissionsBoundary).toBe(BOUNDARY);
  expect(usual.proxy?.permissionsBoundary).toBe(BOUNDARY);
  const narrower = `arn:aws:iam::${ACCOUNT}:policy/narrower`;
  expect(roles({ permissionsBoundary: narrower }).own?.permissionsBoundary).toBe(narrower);
});

test("path and name are as asked for, and the ARN, by which others refer to it, has both", () => {
  expect(roles({ path: "/teams/shop/", roleName: "api" }).own).toMatchObject({
    name: "api",
    path: "/teams/shop/",
    arn: `arn:aws:iam::${ACCOUNT}:role/teams/shop/api`,
  });
  expect(roles({}, "cn-north-1").own?.arn).toBe(`arn:aws-cn:iam::${ACCOUNT}:role/prod-shop-api`);
  expect(roles({}, "us-gov-west-1").own?.arn).toBe(`arn:aws-us-gov:iam::${ACCOUNT}:role/prod-shop-api`);
});

test("a session lasts as long as asked for within IAM's bounds; a second role's one hour, whatever is asked", () => {
  const second = {
    account: DATA,
    externalId: "shop-7f3a",
    path: "/data/",
    permissionsBoundary: `arn:aws:iam::${DATA}:policy/data`,
  };
  const { own, second: there } = roles({ sessionDuration: "4h", assume: [second] });
  expect(own?.maxSessionDuration).toBe(14_400);
  expect(roles({}).own?.maxSessionDuration).toBe(3_600);
  expect(there).toMatchObject({
    path: "/data/",
    arn: `arn:aws:iam::${DATA}:role/data/prod-shop-api`,
    permissionsBoundary: second.permissionsBoundary,
    maxSessionDuration: 3_600,
  });
  expect(roles({ sessionDuration: "13h" }).findings).toMatchObject([{ rule: "PR608", severity: "error" }]);
});

test("tags say whose it is and what it holds: the owner, the object, and a digest that changes with the trust alone", () => {
  const tags = roles({}).own?.tags;
  expect(tags).toEqual({
    "portreeve.dev/digest": expect.stringMatching(/^[0-9a-f]{16}$/),
    "portreeve.dev/object": "shop/api",
    "portreeve.dev/owner": "team-shop",
  });
  expect(roles({ sessionDuration: "4h" }).own?.tags).toEqual(tags);
  expect(roles({}, "eu-west-1").own?.tags?.["portreeve.dev/digest"]).not.toBe(tags?.["portreeve.dev/digest"]);
});
