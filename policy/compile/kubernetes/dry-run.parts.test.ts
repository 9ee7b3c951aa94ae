import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ControlPlane, startControlPlane } from "../../../test/cluster/control-plane.ts";
import type { KubeObject } from "../../../test/cluster/kube-client.ts";
import { loadModel } from "../../load/index.ts";
import { agent, grant, group, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import { compileAll } from "../index.ts";
import type { KubernetesObject } from "./objects.ts";

/**
 * The API server accepts every object that is emitted, and its Pod Security admission accepts the proxy's pods in a
 * namespace that enforces the restricted standard.
 *
 * Not proven here: that the pods run (there is no kubelet).
 */
const long = "x".repeat(63);

function estate(dataPlane: "sidecar" | "ambient", shards: number): PolicyObject[] {
  return [
    trust("estate", {
      trustDomain: "prod.example.com",
      clusters: [
        {
          name: "use1",
          dataPlane,
          istioVersion: "1.31",
          apiServerCidrs: ["10.0.0.1/32", "fd00::1/128"],
          egressGateway: {},
          eks: {
            name: "use1",
            account: "111122223333",
            region: "us-east-1",
            oidcIssuer: "https://oidc.example.com/A",
          },
        },
      ],
      identityProviders: {
        oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
        aws: [{ name: "prod", account: "111122223333", regions: ["us-east-1"] }],
      },
      proxy: { shards },
    }),
    service("inventory", {
      protocol: "grpc",
      ports: [{ port: 80, targetPort: 8080 }, 9090],
      location: {
        type: "mesh",
        namespace: "stock",
        selector: { app: "inventory" },
        serviceAccount: "inventory",
      },
    }),
    service("closed", {
      protocol: "tcp",
      ports: [7000],
      location: { type: "mesh", namespace: "stock", selector: { app: "closed" } },
    }),
    service(long, {
      protocol: "mysql",
      ports: [3306],
      location: { type: "mesh", namespace: "stock", selector: { app: "legacy" } },
    }),
    ...["orders-db", "ledger", "events", "search"].map((name) =>
      service(name, {
        protocol: "postgres",
        hosts: [`${name}.example.com`],
        ports: [5432, { port: 5433, targetPort: 15433 }],
        location: { type: "external" },
        tls: name === "ledger" ? { mode: "mutual", credential: "ledger-client" } : { mode: "simple" },
      }),
    ),
    service("static", {
      protocol: "tcp",
      hosts: ["static.example.com"],
      ports: [9000],
      location: { type: "external" },
      resolution: "static",
      endpoints: ["192.0.2.7", "2001:db8::7"],
    }),
    service("partner", {
      protocol: "tls",
      hosts: ["partner.example.com"],
      ports: [443],
      location: { type: "external", egress: "gateway" },
    }),
    workload("shop/api", { selector: { app: "api" }, needs: ["api-server"], aws: { mode: "pod-identity" } }),
    workload("shop/web", { selector: { app: "web" }, aws: { mode: "irsa" } }),
    workload(`shop/${long}`, { selector: { app: "long" } }),
    group("dba", { members: { idpGroups: ["okta:dba"] } }),
    agent("bot", {
      identity: { type: "oidc", subject: "okta:bot" },
      onBehalfOf: { type: "group", group: "dba" },
      owner: "platform",
      expires: "2027-01-01",
      services: ["orders-db"],
      limits: { maxConnections: 1 },
    }),
    grant("a", { from: { workloads: ["shop/api", `shop/${long}`] }, to: { service: "inventory" } }),
    grant("b", {
      from: { namespaces: ["batch"], cidrs: ["10.0.0.0/8", "2001:db8::/32"] },
      to: { service: long },
    }),
    grant("c", {
      from: { groups: ["dba"], agents: ["bot"], workloads: ["shop/web"] },
      to: { service: "orders-db" },
    }),
    grant("d", { from: { workloads: ["shop/api"] }, to: { service: "partner" } }),
    ...(dataPlane === "sidecar"
      ? [grant("e", { from: { groups: ["dba"] }, to: { service: "inventory" } })]
      : []),
    grant(long, { from: { workloads: [`shop/${long}`] }, to: { service: "static" } }),
  ];
}

function compiled(
  dataPlane: "sidecar" | "ambient",
  grouping: "service" | "grant",
  shards = 1,
): KubernetesObject[] {
  const model = loadModel({ objects: estate(dataPlane, shards) });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  return compileAll({ model, cluster, grouping }).kubernetes.targets.map(({ object }) => object);
}

/** The object as the client sends it. */
function sent(object: KubernetesObject): KubeObject {
  return JSON.parse(JSON.stringify(object)) as KubeObject;
}

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
  const restricted = { "pod-security.kubernetes.io/enforce": "restricted" };
  for (const name of ["portreeve", "shop", "stock"]) {
    await plane.client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: restricted } });
  }
});
afterAll(() => plane?.stop());

describe.each(["sidecar", "ambient"] as const)("in a cluster with %s", (dataPlane) => {
  test.each(["service", "grant"] as const)("every object grouped by %s is accepted", async (grouping) => {
    const objects = compiled(dataPlane, grouping, 3);
    expect(objects.length).toBeGreaterThan(30);
    for (const object of objects) {
      const stored = await plane.client.dryRun(sent(object)).catch((error: unknown) => {
        throw new Error(`${object.kind}/${object.metadata.name}: ${String(error)}`, { cause: error });
      });
      // What the API server does not know it drops: then it would not be what was meant.
      expect(stored).toMatchObject(sent(object));
    }
  });

  test("the proxy's pod is accepted where the restricted standard is enforced", async () => {
    const objects = compiled(dataPlane, "service");
    const account = objects.find(
      ({ kind, metadata }) => kind === "ServiceAccount" && metadata.namespace === "portreeve",
    );
    const deployment = objects.find((object) => object.kind === "Deployment");
    if (!account || deployment?.kind !== "Deployment") throw new Error("no proxy");
    await plane.client.apply(sent(account));
    const { metadata, spec } = deployment.spec.template;
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "portreeve", ...metadata },
      spec,
    };
    await plane.client.dryRun(JSON.parse(JSON.stringify(pod)) as KubeObject);
    const { seccompProfile: _, ...loose } = spec.securityContext;
    const weaker = { ...pod, spec: { ...spec, securityContext: loose } };
    await expect(plane.client.dryRun(JSON.parse(JSON.stringify(weaker)) as KubeObject)).rejects.toThrow(
      /violates PodSecurity "restricted/,
    );
  });
});
