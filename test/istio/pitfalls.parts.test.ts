/**
 * Problems that Istio's users reported, one by one: what Istio does with the objects that people write at first, and with
 * what Portreeve compiles, or why Portreeve refuses to. Istio's own code answers (see oracle.ts).
 */
import { describe, expect, test } from "vitest";
import { compileIstio } from "../../policy/compile/istio/index.ts";
import { loadModel } from "../../policy/load/index.ts";
import { planListenerPorts } from "../../policy/plan/listener-ports.ts";
import { naiveEntry, policiesFor } from "./naive.ts";
import { askOracle, type OracleCall } from "./oracle.ts";
import { compiled, type Pod, surroundings } from "./world.ts";

const api: Pod = {
  name: "api",
  namespace: "shop",
  ip: "10.0.1.10",
  labels: { app: "api" },
  serviceAccount: "api",
};
const bystander: Pod = {
  ...api,
  name: "bystander",
  namespace: "other",
  ip: "10.0.1.20",
  labels: { app: "bystander" },
};

const call = (name: string, address: string, proxy = "api", port = 5432): OracleCall => ({
  name,
  proxy,
  mode: "outbound",
  address,
  port,
});

function ours(policies: string) {
  const { objects, proxyLabels } = compiled(policies);
  const proxy: Pod = {
    name: "proxy-0",
    namespace: "portreeve",
    ip: "10.0.2.10",
    labels: proxyLabels("orders-db"),
    serviceAccount: "portreeve-proxy",
  };
  const entries = objects as unknown as { kind: string; spec: { hosts: string[]; addresses: string[] } }[];
  const address = (host: string) =>
    entries.find(({ kind, spec }) => kind === "ServiceEntry" && spec.hosts[0] === host)?.spec.addresses[0] ??
    "";
  return { objects, address, world: surroundings(objects, [api, bystander, proxy]) };
}

function refusals(policies: string): string[] {
  const model = loadModel({ texts: [{ name: "policies.yaml", text: policies }] });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  return compileIstio({ model, cluster })
    .findings.filter(({ severity }) => severity === "error")
    .map(({ rule, message }) => `${rule} ${message}`);
}

describe("two TCP services on one port without addresses (istio#11741, #24937, #29806)", () => {
  test("as first written, traffic for one database goes to the other", async () => {
    const naive = [
      naiveEntry({ name: "orders", host: "orders.db.example.com", backend: "192.0.2.1" }),
      naiveEntry({ name: "users", host: "users.db.example.com", backend: "192.0.2.2" }),
    ];
    const { results } = await askOracle(
      surroundings(naive, [api]),
      [api],
      [call("orders", "192.0.2.1"), call("users", "192.0.2.2")],
    );
    const [orders, users] = [results.get("orders"), results.get("users")];
    expect(orders?.listener).toBe("0.0.0.0_5432");
    expect(users?.listener).toBe("0.0.0.0_5432");
    expect(users?.cluster).toBe(orders?.cluster);
  });

  test("compiled, each has its own address, listener and way to the proxy", async () => {
    const policies = policiesFor({
      "orders-db": "orders.db.example.com",
      "users-db": "users.db.example.com",
    });
    const { address, world } = ours(policies);
    const ports = planListenerPorts(loadModel({ texts: [{ name: "policies.yaml", text: policies }] }));
    const { results } = await askOracle(
      world,
      [api],
      [call("orders", address("orders.db.example.com")), call("users", address("users.db.example.com"))],
    );
    expect(results.get("orders")?.endpoints).toEqual([`10.0.2.10:${ports.get("orders-db/5432")}`]);
    expect(results.get("users")?.endpoints).toEqual([`10.0.2.10:${ports.get("users-db/5432")}`]);
  });
});

describe("one host in two ServiceEntries (istio#55266)", () => {
  const entries = (namespace: string) => [
    naiveEntry({ name: "a", host: "db.example.com", backend: "192.0.2.1", addresses: ["240.0.0.1"] }),
    naiveEntry({
      name: "b",
      namespace,
      host: "db.example.com",
      backend: "192.0.2.2",
      addresses: ["240.0.0.2"],
    }),
  ];
  const calls = [call("a", "240.0.0.1"), call("b", "240.0.0.2")];

  test("as first written, in one namespace, either address leads to both backends", async () => {
    const { results } = await askOracle(surroundings(entries("shop"), [api]), [api], calls);
    for (const { name } of calls) {
      expect(results.get(name)?.endpoints).toEqual(["192.0.2.1:5432", "192.0.2.2:5432"]);
    }
  });

  test("as first written, in two namespaces, the second address is known to nobody", async () => {
    const { results } = await askOracle(surroundings(entries("payments"), [api]), [api], calls);
    expect(results.get("a")?.endpoints).toEqual(["192.0.2.1:5432"]);
    expect(results.get("b")?.cluster).toBe("PassthroughCluster");
  });

  test("Portreeve refuses, and names both", () => {
    expect(refusals(policiesFor({ "orders-db": "db.example.com", "users-db": "db.example.com" }))).toEqual([
      expect.stringMatching(/^PR250 .*users-db.*orders-db.*db\.example\.com/),
    ]);
  });
});

describe("an entry that is exported too widely (istio#48055)", () => {
  test("as first written, it captures the port for every address, in namespaces that never asked for it", async () => {
    const naive = [naiveEntry({ name: "orders", host: "orders.db.example.com", backend: "192.0.2.1" })];
    const { results } = await askOracle(
      surroundings(naive, [api, bystander]),
      [api, bystander],
      [call("own database", "198.51.100.7", "bystander")],
    );
    expect(results.get("own database")?.cluster).toBe("outbound|5432||orders.db.example.com");
  });

  test("compiled, another namespace's traffic to that port goes where it went", async () => {
    const { world, address } = ours(policiesFor({ "orders-db": "orders.db.example.com" }));
    const { results } = await askOracle(
      world,
      [api, bystander],
      [
        call("own database", "198.51.100.7", "bystander"),
        call("planned address", address("orders.db.example.com"), "bystander"),
      ],
    );
    expect(results.get("own database")?.cluster).toBe("PassthroughCluster");
    expect(results.get("planned address")?.cluster).toBe("PassthroughCluster");
  });
});

describe("a catch-all: resolution NONE without addresses (pitfall 3)", () => {
  test("as first written, it takes every address of the port", async () => {
    const entry = naiveEntry({ name: "orders", host: "orders.db.example.com", backend: "" });
    const { endpoints: _, ...spec } = entry.spec;
    const naive = [{ ...entry, spec: { ...spec, resolution: "NONE" } }];
    const { results } = await askOracle(
      surroundings(naive, [api]),
      [api],
      [call("anything", "198.51.100.7")],
    );
    expect(results.get("anything")?.cluster).toBe("outbound|5432||orders.db.example.com");
  });

  test("Portreeve refuses it behind a gateway", () => {
    const policies = policiesFor({ "orders-db": "orders.db.example.com" })
      .replace(
        "location: { type: external }",
        "resolution: none, location: { type: external, egress: gateway }",
      )
      .replace("range: 240.240.0.0/16 }", "range: 240.240.0.0/16 }, egressGateway: {}");
    expect(refusals(policies)).toEqual([expect.stringMatching(/^PR255 .*catch every connection/)]);
  });
});

describe("a server-first protocol under protocol detection (istio#35232, #17457)", () => {
  test("as first written, the sidecar waits for the client's first bytes to guess the protocol", async () => {
    const naive = [
      naiveEntry({
        name: "orders",
        host: "orders.db.example.com",
        backend: "192.0.2.1",
        addresses: ["240.0.0.1"],
        port: 3307,
        protocol: "",
      }),
    ];
    const { listeners } = await askOracle(surroundings(naive, [api]), [api], []);
    expect(inspectors(listeners.get("api"), "240.0.0.1_3307")).toContain(
      "envoy.filters.listener.http_inspector",
    );
  });

  test("compiled, nothing looks at the bytes", async () => {
    const { world, address } = ours(policiesFor({ "orders-db": "orders.db.example.com" }, "mysql"));
    const { listeners } = await askOracle(world, [api], []);
    expect(inspectors(listeners.get("api"), `${address("orders.db.example.com")}_5432`)).toEqual([]);
  });
});

function inspectors(
  listeners: readonly { name: string; listenerFilters?: readonly { name: string }[] }[] | undefined,
  name: string,
): string[] {
  const found = listeners?.find((listener) => listener.name === name);
  if (!found)
    throw new Error(`there is no listener ${name}, only ${listeners?.map((one) => one.name).join(", ")}`);
  return (found.listenerFilters ?? []).map((filter) => filter.name);
}
