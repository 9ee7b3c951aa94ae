import { describe, expect, test } from "vitest";
import { formatPorts } from "../../sets/ports.ts";
import { reach } from "./reach.ts";

// Small clusters written out, each with everything that can be reached in it. What holds for random clusters is in
// reach.test.ts; here are the rules of the API that a reader wants to see one by one.

type Labels = Record<string, string>;

const deployment = (name: string, labels: Labels = {}, ports: object[] = [], namespace = "shop") => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace },
  spec: { template: { metadata: { labels }, spec: { containers: [{ name: "main", ports }] } } },
});
const policy = (spec: object, namespace = "shop") => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: `p${Math.abs(hash(JSON.stringify(spec)))}`, namespace },
  spec,
});
const hash = (text: string) => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7);
const lines = (...objects: object[]) =>
  reach(objects).map(({ src, dst, ports }) => `${src} > ${dst}: ${formatPorts(ports)}`);
/** Only connections between workloads. */
const inside = (...objects: object[]) => lines(...objects).filter((line) => !line.includes("external:"));
/** Only connections from outside, to the workload. */
const entering = (...objects: object[]) => lines(...objects).filter((line) => line.startsWith("external:"));

const web = deployment("web", { app: "web" }, [{ name: "http", containerPort: 8080 }]);
const db = deployment("db", { app: "db" }, [
  { name: "sql", containerPort: 5432 },
  { name: "http", containerPort: 9187 },
]);
const WORLD = "external:0.0.0.0-255.255.255.255";

describe("isolation", () => {
  test("without a policy everything is reachable; self and external to external are left out", () => {
    expect(lines(web, db)).toEqual([
      `${WORLD} > shop/db: All Connections`,
      `${WORLD} > shop/web: All Connections`,
      `shop/db > ${WORLD}: All Connections`,
      "shop/db > shop/web: All Connections",
      `shop/web > ${WORLD}: All Connections`,
      "shop/web > shop/db: All Connections",
    ]);
  });

  test("a policy without policyTypes is on ingress, and on egress only if it has egress rules", () => {
    const toWeb = `shop/db > shop/web: All Connections`;
    expect(inside(web, db, policy({ podSelector: { matchLabels: { app: "db" } } }))).toEqual([toWeb]);
    const withEgress = policy({
      podSelector: { matchLabels: { app: "db" } },
      egress: [{ ports: [{ port: 8080 }] }],
    });
    expect(inside(web, db, withEgress)).toEqual(["shop/db > shop/web: TCP 8080"]);
    const empty = policy({ podSelector: { matchLabels: { app: "db" } }, egress: [], policyTypes: [] });
    expect(inside(web, db, empty)).toEqual([toWeb]);
  });

  test("rules of a direction that policyTypes leaves out do nothing", () => {
    const egressOnly = policy({ podSelector: {}, policyTypes: ["Egress"], ingress: [], egress: [{}] });
    expect(inside(web, db, egressOnly)).toHaveLength(2);
  });

  test("policies add up, and both ends have to agree", () => {
    const toDb = policy({
      podSelector: { matchLabels: { app: "db" } },
      ingress: [{ ports: [{ port: 1, endPort: 90 }] }],
    });
    const more = policy({ podSelector: {}, ingress: [{ ports: [{ port: 91 }, { port: 5432 }] }] });
    const fromWeb = policy({
      podSelector: { matchLabels: { app: "web" } },
      policyTypes: ["Egress"],
      egress: [{ ports: [{ port: 80, endPort: 100 }] }],
    });
    expect(inside(web, db, toDb, more, fromWeb)).toContain("shop/web > shop/db: TCP 80-91");
  });

  test("a policy is about the pods of its own namespace; a missing namespace is `default`", () => {
    const elsewhere = deployment("web", { app: "web" }, [], "bank");
    const denyAll = { ...policy({ podSelector: {} }), metadata: { name: "deny-all" } };
    const { namespace: _, ...metadata } = { ...web.metadata, name: "alone", namespace: undefined };
    expect(inside(elsewhere, { ...web, metadata }, denyAll)).toEqual([
      "default/alone > bank/web: All Connections",
    ]);
  });
});

describe("peers", () => {
  const allow = (...from: object[]) =>
    policy({ podSelector: { matchLabels: { app: "db" } }, ingress: [{ from }] });
  const bank = deployment("web", { app: "web" }, [], "bank");
  const toDb = (...objects: object[]) =>
    inside(web, db, bank, ...objects).filter((line) => line.includes("> shop/db"));

  test("a podSelector alone selects in the policy's namespace", () => {
    expect(toDb(allow({ podSelector: { matchLabels: { app: "web" } } }))).toEqual([
      "shop/web > shop/db: All Connections",
    ]);
  });

  test("namespaceSelector and podSelector in one item both have to match, in two items either", () => {
    const inBank = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "bank" } } };
    const isDb = { podSelector: { matchLabels: { app: "db" } } };
    expect(toDb(allow({ ...inBank, ...isDb }))).toEqual([]);
    expect(toDb(allow(inBank, isDb))).toEqual(["bank/web > shop/db: All Connections"]);
  });

  test("an absent Namespace object has its name as label; a given one has its labels and that one", () => {
    const team = { namespaceSelector: { matchLabels: { team: "money" } } };
    const namespace = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "bank", labels: { team: "money" } },
    };
    expect(toDb(allow(team))).toEqual([]);
    expect(toDb(allow(team), namespace)).toEqual(["bank/web > shop/db: All Connections"]);
    const named = {
      namespaceSelector: { matchLabels: { team: "money", "kubernetes.io/metadata.name": "bank" } },
    };
    expect(toDb(allow(named), namespace)).toEqual(["bank/web > shop/db: All Connections"]);
  });

  test("an empty selector selects all, an empty list of peers is anyone", () => {
    expect(toDb(allow({ namespaceSelector: {} }))).toHaveLength(2);
    expect(entering(db, allow({ namespaceSelector: {} }))).toEqual([]);
    expect(toDb(allow())).toHaveLength(2);
    expect(entering(db, allow())).toEqual([`${WORLD} > shop/db: All Connections`]);
  });

  test.each([
    ["In", { key: "app", operator: "In", values: ["web", "x"] }, ["shop/web"]],
    [
      "NotIn holds where the key is absent",
      { key: "app", operator: "NotIn", values: ["web"] },
      ["shop/bare"],
    ],
    ["Exists", { key: "app", operator: "Exists" }, ["shop/web"]],
    ["DoesNotExist", { key: "app", operator: "DoesNotExist" }, ["shop/bare"]],
  ])("matchExpressions: %s", (_, expression, sources) => {
    const bare = deployment("bare");
    const found = inside(web, db, bare, allow({ podSelector: { matchExpressions: [expression] } }));
    expect(found.filter((line) => line.includes("> shop/db")).map((line) => line.split(" >")[0])).toEqual(
      sources,
    );
  });
});

describe("addresses outside", () => {
  const from = (...blocks: object[]) =>
    policy({ podSelector: {}, ingress: [{ from: blocks.map((ipBlock) => ({ ipBlock })) }] });

  test("are cut where a block, without its exceptions, begins and ends", () => {
    const found = lines(web, from({ cidr: "10.0.0.0/8", except: ["10.0.0.0/9", "10.200.0.0/16"] }));
    expect(found).toEqual([
      "external:10.128.0.0-10.199.255.255 > shop/web: All Connections",
      "external:10.201.0.0-10.255.255.255 > shop/web: All Connections",
      `shop/web > ${WORLD}: All Connections`,
    ]);
  });

  test("are cut by policies that select nothing too, so that one range means one thing in a report", () => {
    const idle = policy({
      podSelector: { matchLabels: { app: "none" } },
      ingress: [{ from: [{ ipBlock: { cidr: "128.0.0.0/1" } }] }],
    });
    expect(entering(web, idle)).toEqual([
      "external:0.0.0.0-127.255.255.255 > shop/web: All Connections",
      "external:128.0.0.0-255.255.255.255 > shop/web: All Connections",
    ]);
  });

  test("are cut as sources by ingress rules and as destinations by egress rules", () => {
    const to = policy({
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [{ to: [{ ipBlock: { cidr: "1.1.1.1/32" } }], ports: [{ port: 443 }] }],
    });
    expect(lines(web, to)).toEqual([
      `${WORLD} > shop/web: All Connections`,
      "shop/web > external:1.1.1.1-1.1.1.1: TCP 443",
    ]);
  });

  test("blocks that touch stay apart", () => {
    expect(entering(web, from({ cidr: "10.0.0.0/9" }, { cidr: "10.128.0.0/9" }))).toHaveLength(2);
  });

  test("an IPv6 block matches no IPv4 address, and is reported on request", () => {
    const ipv6 = from({ cidr: "2001:db8::/32" });
    expect(entering(web, ipv6)).toEqual([]);
    expect(reach([web, ipv6], { ipv6: true }).map(({ src }) => src)).toContain(
      "external:2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    );
  });

  test("a pod is not matched by its own address", () => {
    const pod = { ...web, kind: "Pod", spec: { containers: [] }, status: { podIP: "10.0.0.7" } };
    expect(inside(db, pod, from({ cidr: "10.0.0.0/8" }))).toEqual([]);
  });
});

describe("ports", () => {
  const toAll = (...ports: object[]) => policy({ podSelector: {}, ingress: [{ ports }] });

  test("no list means every port, TCP is the protocol when none is given", () => {
    expect(inside(web, db, policy({ podSelector: {}, ingress: [{}] }))).toContain(
      "shop/web > shop/db: All Connections",
    );
    expect(inside(web, db, toAll({}))).toContain("shop/web > shop/db: TCP 1-65535");
    expect(
      inside(web, db, toAll({ protocol: "UDP", port: 53 }, { port: 53 }, { protocol: "SCTP" })),
    ).toContain("shop/web > shop/db: SCTP 1-65535,TCP 53,UDP 53");
  });

  test("a name is looked up in the pod that is connected to, on ingress and on egress", () => {
    const expected = ["shop/db > shop/web: TCP 8080", "shop/web > shop/db: TCP 9187"];
    expect(inside(web, db, toAll({ port: "http" }))).toEqual(expected);
    const egress = policy({
      podSelector: {},
      policyTypes: ["Egress"],
      egress: [{ ports: [{ port: "http" }] }],
    });
    expect(lines(web, db, egress).filter((line) => !line.startsWith("external:"))).toEqual(expected);
  });

  test("a name of another protocol, or that the pod does not have, means no port", () => {
    expect(inside(web, db, toAll({ protocol: "UDP", port: "http" }))).toEqual([]);
    expect(inside(web, db, toAll({ port: "sql" }))).toEqual(["shop/web > shop/db: TCP 5432"]);
  });

  test("the ports of a sidecar among the init containers count, those of other init containers do not", () => {
    const spec = (restartPolicy?: string) => ({
      containers: [{ name: "main" }],
      initContainers: [{ name: "side", restartPolicy, ports: [{ name: "admin", containerPort: 15000 }] }],
    });
    const pod = (restartPolicy?: string) => ({
      kind: "Pod",
      metadata: { name: "p", namespace: "shop" },
      spec: spec(restartPolicy),
    });
    expect(inside(web, pod("Always"), toAll({ port: "admin" }))).toEqual(["shop/web > shop/p: TCP 15000"]);
    expect(inside(web, pod(), toAll({ port: "admin" }))).toEqual([]);
  });
});

test("a workload reaches what any of its pods reaches", () => {
  const pod = (name: string, labels: Labels) => ({
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      labels,
      ownerReferences: [{ kind: "StatefulSet", name: "set", controller: true }],
    },
    spec: { containers: [] },
  });
  const rule = (app: string, port: number) => ({
    from: [{ podSelector: { matchLabels: { app } } }],
    ports: [{ port }],
  });
  const guard = policy({
    podSelector: { matchLabels: { app: "db" } },
    ingress: [rule("old", 1), rule("new", 2)],
  });
  expect(inside(db, pod("set-0", { app: "old" }), pod("set-1", { app: "new" }), guard)).toContain(
    "shop/set > shop/db: TCP 1-2",
  );
});
