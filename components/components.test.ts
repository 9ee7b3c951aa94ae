/**
 * What the components register, in preview mode with mocks: the exact children, unknown leaves kept as unknown, and errors
 * before anything is registered. Not proven here: that providers accept the objects (see test/demo).
 */
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, it } from "vitest";
import { PolicyError } from "../policy/finding.ts";
import { grant, group, service, trust, workload } from "../policy/load/object.ts";
import { previewed, type Registered, UNKNOWN } from "../test/mocks/engine.ts";
import {
  AccessPlane,
  type AccessPolicy,
  Grantee,
  MeshGuards,
  TcpProxy,
  TcpService,
  WorkloadIdentity,
} from "./index.ts";

const estate = () =>
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [
      {
        name: "use1",
        dataPlane: "sidecar",
        istioVersion: "1.31",
        eks: {
          name: "shop",
          account: "111122223333",
          region: "us-east-1",
          oidcIssuer: "${ref:issuer}",
          nodeSecurityGroup: "sg-nodes",
        },
      },
    ],
    identityProviders: {
      oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
    },
  });

const api = () =>
  workload("shop/api", { selector: { app: "api" }, groups: ["backend"], aws: { mode: "irsa" } });
const backend = () => group("backend", { members: {}, owner: "team" });
const grantApi = () =>
  grant("api-orders", { from: { workloads: ["shop/api"] }, to: { service: "orders-db" }, owner: "team" });
const refs = { issuer: "https://oidc.example.com/id/ABC" };
/** A resource whose endpoint is an output that a preview does not know, as a database's before it exists. */
class Database extends pulumi.CustomResource {
  declare readonly endpoint: pulumi.Output<string>;

  constructor() {
    super("test:db:Cluster", "db", { endpoint: undefined });
  }
}
const unknown = (): pulumi.Output<string> => new Database().endpoint;

const ordersDb = (host: pulumi.Input<string>) => ({
  ...service("orders-db", {
    protocol: "postgres",
    hosts: [""],
    ports: [5432],
    owner: "team",
    location: { type: "external" },
  }),
  spec: {
    protocol: "postgres" as const,
    hosts: [host],
    ports: [5432],
    owner: "team",
    location: { type: "external" as const },
  },
});

function named(resources: readonly Registered[], type: string, part = ""): Registered {
  const found = resources.filter((resource) => resource.type.endsWith(type) && resource.name.includes(part));
  expect(
    found.map((one) => one.name),
    `exactly one ${type} ${part}`,
  ).toHaveLength(1);
  return found[0] as Registered;
}

let plane: AccessPlane | undefined;
beforeEach(() => {
  plane = undefined;
});

describe("AccessPlane", () => {
  it("makes a component for each policy object, and every resource as a child of its own", async () => {
    const resources = await previewed(() => {
      plane = new AccessPlane("prod", {
        objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()],
        refs,
      });
    });
    const components = resources.filter((resource) => resource.type.startsWith("portreeve:"));
    expect(components.map(({ type, name, parent }) => `${type} ${name} < ${parent}`)).toEqual([
      "portreeve:index:AccessPlane prod < ",
      "portreeve:index:MeshGuards prod-guards < prod",
      "portreeve:index:TcpProxy prod-proxy < prod",
      "portreeve:index:TcpService prod-orders-db < prod",
      "portreeve:index:WorkloadIdentity prod-shop.api < prod",
    ]);
    for (const resource of resources) {
      if (resource.type.startsWith("portreeve:")) continue;
      expect(
        resource.name.startsWith(`${resource.parent}-`),
        `${resource.name} starts with its component's name`,
      ).toBe(true);
    }
    expect(Object.keys(plane?.services ?? {})).toEqual(["orders-db"]);
    expect(Object.keys(plane?.workloads ?? {})).toEqual(["shop/api"]);
  });

  it("keeps an unknown leaf unknown in every object that holds it, and drops nothing", async () => {
    const known = await previewed(
      () =>
        new AccessPlane("prod", {
          objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()],
          refs,
        }),
    );
    const preview = await previewed(
      () =>
        new AccessPlane("prod", {
          objects: [estate(), api(), backend(), ordersDb(unknown()), grantApi()],
          refs,
        }),
    );
    const names = (list: readonly Registered[]) =>
      list.map((one) => one.name).filter((name) => name !== "db");
    expect(names(preview)).toEqual(names(known));
    const entry = named(preview, "ServiceEntry", "orders-db");
    expect(entry.inputs.spec).toMatchObject({ hosts: [UNKNOWN], ports: [{ number: 5432 }] });
    const config = named(preview, "ConfigMap").inputs.data as Record<string, unknown>;
    expect(config["proxy.json"]).toBe(UNKNOWN);
  });

  it("puts an issuer without its scheme into the keys and the ARN of a trust document", async () => {
    const resources = await previewed(
      () =>
        new AccessPlane("prod", {
          objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()],
          refs,
        }),
    );
    const document = JSON.parse(String(named(resources, "iam/role:Role").inputs.assumeRolePolicy));
    expect(document.Statement[0].Principal.Federated).toBe(
      "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/ABC",
    );
    expect(document.Statement[0].Condition.StringEquals).toEqual({
      "oidc.example.com/id/ABC:aud": "sts.amazonaws.com",
      "oidc.example.com/id/ABC:sub": "system:serviceaccount:shop:api",
    });
  });

  it("hands provider and protect on to every child", async () => {
    const { Provider } = await import("@pulumi/kubernetes/provider.js");
    const resources = await previewed(() => {
      const provider = new Provider("render", { renderYamlToDirectory: "/tmp/none" });
      new AccessPlane(
        "prod",
        { objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()], refs },
        { providers: [provider], protect: true },
      );
    });
    const children = resources.filter((resource) => resource.type.startsWith("kubernetes:"));
    expect(children.length).toBeGreaterThan(10);
    for (const child of children) {
      expect(child.provider, child.name).toBe("render");
      expect(child.protect, child.name).toBe(true);
    }
  });

  it("leaves AWS out when told to, and changes children through `transform`", async () => {
    const resources = await previewed(
      () =>
        new AccessPlane("prod", {
          objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()],
          refs,
          aws: false,
          transform: ({ object }) =>
            "kind" in object && object.kind === "ServiceEntry"
              ? { ...object, metadata: { ...object.metadata, annotations: { team: "orders" } } }
              : undefined,
        }),
    );
    expect(resources.filter((resource) => resource.type.startsWith("aws:"))).toEqual([]);
    expect(named(resources, "ServiceEntry", "orders-db").inputs.metadata).toMatchObject({
      name: "orders-db",
      annotations: { team: "orders" },
    });
  });

  it("adds labels and tags everywhere, and never replaces its own", async () => {
    const labels = { team: "orders", "app.kubernetes.io/managed-by": "somebody" };
    const resources = await previewed(
      () =>
        new AccessPlane("prod", {
          objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()],
          refs,
          labels,
          tags: { cost: "orders" },
        }),
    );
    for (const { type, inputs, name } of resources) {
      if (type.startsWith("kubernetes:")) {
        expect(inputs.metadata, name).toMatchObject({
          labels: { team: "orders", "app.kubernetes.io/managed-by": "portreeve" },
        });
      }
    }
    expect(named(resources, "iam/role:Role").inputs.tags).toMatchObject({ cost: "orders" });
  });

  it("tells every problem at once, synchronously, before any resource exists", async () => {
    let thrown: unknown;
    const resources = await previewed(() => {
      try {
        new AccessPlane("prod", {
          objects: [
            estate(),
            ordersDb("db.example.com"),
            grant("g", { from: { workloads: ["shop/apy"] }, to: { service: "ordersdb", ports: [1] } }),
          ],
          refs,
        });
      } catch (error) {
        thrown = error;
      }
    });
    expect(resources).toEqual([]);
    expect(thrown).toBeInstanceOf(PolicyError);
    const { findings } = thrown as PolicyError;
    expect(findings.map((finding) => finding.rule)).toEqual(["PR111", "PR111"]);
    for (const finding of findings) expect(finding.position?.file).toMatch(/components\.test\.ts$/);
    expect(String(thrown)).toMatch(/did you mean "orders-db"/);
  });

  it("names a reference that has no value, and a cluster that was not chosen", async () => {
    const two = estate();
    two.spec.clusters.push({ name: "euw1", dataPlane: "sidecar", istioVersion: "1.31" });
    await previewed(() => {
      expect(
        () =>
          new AccessPlane("a", {
            objects: [estate(), api(), backend(), ordersDb("${ref:db}"), grantApi()],
            refs,
          }),
      ).toThrow(/PR114: the policies mention \$\{ref:db\}.*\n.*refs: \{ "db": … \}/);
      expect(() => new AccessPlane("b", { objects: [two], refs })).toThrow(
        /PR113: Trust has several clusters.*\n.*use1, euw1/,
      );
      expect(() => new AccessPlane("c", { objects: [two], cluster: "use2", refs })).toThrow(
        /PR113: Trust has no cluster "use2"/,
      );
    });
  });

  it("refuses an instant that it cannot read, instead of finding nothing expired", async () => {
    await previewed(() => {
      const objects = [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()];
      expect(() => new AccessPlane("a", { objects, refs, now: "tomorrow" })).toThrow(
        /PR106: `now` cannot be "tomorrow"/,
      );
    });
  });

  it("refuses a structure that is an Output, at the field that must be plain", async () => {
    await previewed(() => {
      const name = pulumi.output("shop") as unknown as string;
      expect(() => new WorkloadIdentity("api", { trust: estate(), namespace: name, refs })).toThrow(
        /metadata\.namespace/,
      );
    });
  });
});

describe("components imported alone", () => {
  it("TcpService denies by default and opens by allowFrom and denyFrom, each with an inspectable grant", async () => {
    let allowed: AccessPolicy | undefined;
    let denied: AccessPolicy | undefined;
    const resources = await previewed(() => {
      const alone = new WorkloadIdentity("api", {
        trust: estate(),
        namespace: "shop",
        selector: { app: "api" },
        refs,
      });
      const ledger = new TcpService("ledger", {
        trust: estate(),
        refs,
        protocol: "postgres",
        ports: [{ port: 5432, targetPort: 6432 }],
        location: { type: "mesh", namespace: "shop", selector: { app: "ledger" } },
      });
      allowed = ledger.allowFrom(alone.grantee, { ports: [5432] });
      denied = ledger.denyFrom(Grantee.namespace("batch"), { reason: "batch reads the copy" });
    });
    expect(allowed?.grant?.spec).toMatchObject({
      action: "allow",
      from: { workloads: ["shop/api"] },
      to: { service: "ledger", ports: [5432] },
    });
    expect(denied?.grant?.spec).toMatchObject({
      action: "deny",
      from: { namespaces: ["batch"] },
      reason: "batch reads the copy",
    });
    expect(allowed?.access).toMatchObject([
      { from: "shop/api", service: "ledger", port: 5432, point: "sidecar" },
    ]);
    expect(named(resources, "AuthorizationPolicy", "default-deny").inputs.spec).toEqual({
      selector: { matchLabels: { app: "ledger" } },
      action: "ALLOW",
    });
    expect(named(resources, "AuthorizationPolicy", "ledger-allow").inputs.spec).toEqual({
      selector: { matchLabels: { app: "ledger" } },
      action: "ALLOW",
      rules: [
        {
          from: [{ source: { principals: ["prod.example.com/ns/shop/sa/api"] } }],
          to: [{ operation: { ports: ["6432"] } }],
        },
      ],
    });
    expect(named(resources, "AuthorizationPolicy", "ledger-deny").inputs.spec).toMatchObject({
      action: "DENY",
    });
  });

  it("takes Outputs on leaves and hands them on to its grants", async () => {
    const resources = await previewed(() => {
      const alone = new WorkloadIdentity("api", {
        trust: estate(),
        namespace: "shop",
        selector: { app: "api" },
        refs,
      });
      const db = new TcpService("orders-db", {
        trust: estate(),
        refs,
        protocol: "postgres",
        hosts: [unknown()],
        ports: [5432],
        location: { type: "external" },
      });
      db.allowFrom(alone.grantee);
    });
    expect(named(resources, "ServiceEntry").inputs.spec).toMatchObject({ hosts: [UNKNOWN] });
  });

  it("MeshGuards and TcpProxy work from a policy set of their own", async () => {
    const objects = [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()];
    const guards = await previewed(() => new MeshGuards("guards", { objects, refs }));
    expect(named(guards, "PeerAuthentication", "shop").inputs.spec).toEqual({ mtls: { mode: "STRICT" } });
    const proxy = await previewed(() => new TcpProxy("edge", { objects, refs }));
    expect(named(proxy, "Deployment").parent).toBe("edge");
    expect(proxy.filter((one) => one.type.endsWith("ServiceEntry"))).toEqual([]);
  });

  it("a service of a plane has no verbs: its grants belong to the policies", async () => {
    await previewed(() => {
      const made = new AccessPlane("prod", {
        objects: [estate(), api(), backend(), ordersDb("db.example.com"), grantApi()],
        refs,
      });
      expect(() => made.services["orders-db"]?.allowFrom(Grantee.namespace("shop"))).toThrow(
        /add a Grant to the plane's policies/,
      );
      expect(() => made.workloads["shop/api"]?.grantee).toThrow(/belongs to an AccessPlane/);
    });
  });
});
