import { expect, test } from "vitest";
import { type Difference, type ImportOptions, importObjects } from "./index.ts";

const OPTIONS: ImportOptions = {
  rootNamespace: "istio-system",
  cluster: "main",
  istioVersion: "1.31",
  openAs: "namespaces",
};
const pod = (name: string, account: string, labels: Readonly<Record<string, string>>) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop", labels },
  spec: { serviceAccountName: account, containers: [] },
});
const DB = [
  pod("db", "db", { app: "db" }),
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "db", namespace: "shop" },
    spec: { selector: { app: "db" }, ports: [{ port: 5432 }] },
  },
  {
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name: "strict", namespace: "istio-system" },
    spec: { mtls: { mode: "STRICT" } },
  },
];
const allow = (principal: string, labels?: Readonly<Record<string, string>>) => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "db", namespace: "shop" },
  spec: {
    ...(labels && { selector: { matchLabels: labels } }),
    rules: [{ from: [{ source: { principals: [principal] } }] }],
  },
});

function differences(objects: readonly unknown[], options: Partial<ImportOptions> = {}) {
  const source = { objects, positionOf: () => ({ file: "shop.yaml", line: 1, col: 1 }) };
  return importObjects(source, { ...OPTIONS, ...options }).differences.map(
    ({ change, service, port, callers }: Difference) => [change, service, port, callers],
  );
}

test("an account of which NetworkPolicy lets in some pods only loses them, because a grant is for the account", () => {
  const network = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "db", namespace: "shop" },
    spec: {
      podSelector: { matchLabels: { app: "db" } },
      ingress: [{ from: [{ podSelector: { matchLabels: { tier: "a" } } }] }],
    },
  };
  const clients = [
    pod("api-a", "api", { app: "api", tier: "a" }),
    pod("api-b", "api", { app: "api", tier: "b" }),
  ];
  const all = [...DB, ...clients, network, allow("cluster.local/ns/shop/sa/api")];
  expect(differences(all)).toEqual([["narrower", "db", 5432, ["shop/api"]]]);
  expect(differences([...DB, clients[0], network, allow("cluster.local/ns/shop/sa/api")])).toEqual([]);
});

test("pods of one Service that a policy tells apart: granted is only who reaches all of them", () => {
  const guarded = pod("db-2", "db", { app: "db", guarded: "yes" });
  const found = differences([
    ...DB,
    guarded,
    pod("api", "api", { app: "api" }),
    allow("cluster.local/ns/shop/sa/api", { guarded: "yes" }),
  ]);
  expect(found.map(([change]) => change)).toEqual(["narrower"]);
  expect(found[0]?.[3]).not.toContain("shop/api");
});

test("ztunnel knows no aliases: an alias in Trust would let in whom it refuses today, and a sidecar lets in", () => {
  const aliased = { trustDomain: "new.example.com", trustDomainAliases: ["old.example.com"] };
  const objects = [...DB, pod("api", "api", { app: "api" }), allow("new.example.com/ns/shop/sa/api")];
  expect(differences(objects, { ...aliased, dataPlane: "ambient" })).toEqual([
    ["wider", "db", 5432, ["shop/api"]],
  ]);
  expect(differences(objects, { ...aliased, dataPlane: "sidecar" })).toEqual([]);
});

test("a deny of a namespace that would hit an account let in today is not made: unknown namespaces lose, nobody known does", () => {
  const policy = (name: string, action: string, rules: readonly unknown[]) => ({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace: "shop" },
    spec: { action, rules },
  });
  const api = "cluster.local/ns/shop/sa/api";
  const found = differences([
    ...DB,
    pod("api", "api", { app: "api" }),
    policy("network", "ALLOW", [{ from: [{ source: { ipBlocks: ["10.0.0.0/8"] } }] }]),
    policy("not-ours", "DENY", [{ from: [{ source: { namespaces: ["shop"], notPrincipals: [api] } }] }]),
  ]);
  expect(found).toEqual([["narrower", "db", 5432, ["namespaces that are not known from 10.0.0.0/8"]]]);
});
