/**
 * Where Istio routes connections when it is given what Portreeve compiles: istiod's own code makes Envoy's configuration,
 * and Istio's own simulation follows a connection through it.
 *
 * Not proven here: that packets flow (no Envoy runs), and ambient, which istiod's simulation does not cover.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadModel } from "../../policy/load/index.ts";
import { planGatewayPorts } from "../../policy/plan/gateway-ports.ts";
import { planListenerPorts } from "../../policy/plan/listener-ports.ts";
import { askOracle, type OracleProxy } from "./oracle.ts";
import { compiled, type Pod, surroundings } from "./world.ts";

const golden = (name: string) =>
  readFileSync(join(import.meta.dirname, "..", "golden", name, "policies.yaml"), "utf8");

const api: Pod = {
  name: "api",
  namespace: "shop",
  ip: "10.0.1.10",
  labels: { app: "api" },
  serviceAccount: "api",
};
const stranger: Pod = {
  name: "stranger",
  namespace: "elsewhere",
  ip: "10.0.1.99",
  labels: { app: "stranger" },
  serviceAccount: "stranger",
};
const sidecar = (pod: Pod): OracleProxy => ({ ...pod });

/** The proxy's pods, with the labels that the policy set gives them. */
function proxyPod(labels: Readonly<Record<string, string>>): Pod {
  return {
    name: "proxy-0",
    namespace: "portreeve",
    ip: "10.0.2.10",
    labels,
    serviceAccount: "portreeve-proxy",
  };
}

function listenerOf(policies: string, service: string, port: number): number | undefined {
  const model = loadModel({ texts: [{ name: "policies.yaml", text: policies }] });
  return planListenerPorts(model).get(`${service}/${port}`);
}

function addressesOf(objects: readonly unknown[], host: string): string[] {
  for (const object of objects as { kind: string; spec?: { hosts?: string[]; addresses?: string[] } }[]) {
    if (object.kind === "ServiceEntry" && object.spec?.hosts?.includes(host))
      return object.spec.addresses ?? [];
  }
  return [];
}

describe("two databases on one port", () => {
  test("each connection reaches the proxy at the listener of its own service, and nothing else gets out", async () => {
    const policies = golden("two-services-one-port");
    const { objects, proxyLabels } = compiled(policies);
    const [orders = ""] = addressesOf(objects, "orders.db.example.com");
    const [users = ""] = addressesOf(objects, "users.db.example.com");
    expect(users).toBe("240.240.0.7");
    const pods = [api, stranger, proxyPod(proxyLabels("orders-db"))];
    const { results } = await askOracle(
      surroundings(objects, pods),
      [sidecar(api), sidecar(stranger)],
      [
        { name: "orders", proxy: "api", mode: "outbound", address: orders, port: 5432 },
        { name: "users", proxy: "api", mode: "outbound", address: users, port: 5432 },
        { name: "other port", proxy: "api", mode: "outbound", address: orders, port: 5433 },
        { name: "anywhere", proxy: "api", mode: "outbound", address: "192.0.2.1", port: 5432 },
        { name: "stranger", proxy: "stranger", mode: "outbound", address: orders, port: 5432 },
      ],
    );
    expect(results.get("orders")).toMatchObject({
      cluster: "outbound|5432||orders-db.portreeve.svc.cluster.local",
      endpoints: [`10.0.2.10:${listenerOf(policies, "orders-db", 5432)}`],
    });
    expect(results.get("users")).toMatchObject({
      cluster: "outbound|5432||users-db.portreeve.svc.cluster.local",
      endpoints: [`10.0.2.10:${listenerOf(policies, "users-db", 5432)}`],
    });
    for (const name of ["other port", "anywhere"]) {
      expect(results.get(name)).toMatchObject({ cluster: "BlackHoleCluster", allowed: false });
    }
    // A namespace without a grant does not know the host: its traffic is what it was without Portreeve.
    expect(results.get("stranger")?.cluster).toBe("PassthroughCluster");
  });

  test("the way to the proxy is mutual TLS with the proxy's identity and no other", async () => {
    const { objects, proxyLabels } = compiled(golden("external-proxy-sidecar"));
    const world = surroundings(objects, [api, proxyPod(proxyLabels("orders-db"))]);
    const { clusters } = await askOracle(world, [sidecar(api)], []);
    const name = "outbound|5432||orders-db.portreeve.svc.cluster.local";
    const found = clusters.get("api")?.find((cluster) => cluster.name === name);
    const socket = JSON.stringify(found?.transportSocket);
    expect(socket.match(/spiffe:\/\/[^"]+/g)).toEqual([
      "spiffe://prod.example.com/ns/portreeve/sa/portreeve-proxy",
    ]);
    // The sidecar's own certificate, and the mesh's root to verify with.
    expect(socket).toMatch(/"name":"default"/);
    expect(socket).toMatch(/"name":"ROOTCA"/);
    expect(JSON.stringify(found?.circuitBreakers)).toMatch(/"maxConnections":100/);
  });

  test("without the VirtualService a client still ends at the proxy, not at the real host", async () => {
    const policies = golden("two-services-one-port");
    const { objects, proxyLabels } = compiled(policies);
    const [orders = ""] = addressesOf(objects, "orders.db.example.com");
    const { results } = await askOracle(
      surroundings(
        objects.filter(({ kind }) => kind !== "VirtualService"),
        [api, proxyPod(proxyLabels("orders-db"))],
      ),
      [sidecar(api)],
      [{ name: "orders", proxy: "api", mode: "outbound", address: orders, port: 5432 }],
    );
    expect(results.get("orders")?.endpoints).toEqual([
      `10.0.2.10:${listenerOf(policies, "orders-db", 5432)}`,
    ]);
  });
});

test("through an egress gateway: the client reaches the gateway's own port, which lets in whom the grants name", async () => {
  const { objects } = compiled(golden("gateway"));
  const gateway: Pod = {
    name: "gateway",
    namespace: "egress",
    ip: "10.0.3.10",
    labels: { istio: "egress" },
    serviceAccount: "egress",
  };
  const [address = ""] = addressesOf(objects, "sftp.bank.example");
  const entry = objects.find(({ kind }) => kind === "Gateway") as unknown as {
    spec: { servers: [{ port: { number: number } }] };
  };
  const port = entry.spec.servers[0].port.number;
  const at = { proxy: "gateway", mode: "gateway", address: "0.0.0.0", port, sourceIP: api.ip } as const;
  const sni = "sftp.bank.example";
  const { results } = await askOracle(
    surroundings(objects, [api, gateway]),
    [sidecar(api), { ...gateway, type: "router" }],
    [
      { name: "to gateway", proxy: "api", mode: "outbound", address, port: 2022 },
      { name: "api", ...at, tls: "mtls", sni, principal: "prod.example.com/ns/shop/sa/api" },
      { name: "intern", ...at, tls: "mtls", sni, principal: "prod.example.com/ns/shop/sa/intern" },
      { name: "unknown", ...at, tls: "mtls", sni, principal: "prod.example.com/ns/shop/sa/other" },
      { name: "federated", ...at, tls: "mtls", sni, principal: "other.example.com/ns/shop/sa/api" },
      {
        name: "other name",
        ...at,
        tls: "mtls",
        sni: "x.example",
        principal: "prod.example.com/ns/shop/sa/api",
      },
      { name: "plaintext", ...at, tls: "plaintext" },
    ],
  );
  expect(results.get("to gateway")).toMatchObject({ endpoints: [`10.0.3.10:${port}`] });
  expect(results.get("api")).toMatchObject({ allowed: true, cluster: "outbound|2022||sftp.bank.example" });
  const denied = results.get("intern")?.rbac?.find(({ action }) => action === "DENY");
  expect(denied).toMatchObject({ allowed: false, policy: expect.stringContaining("deny-settlement") });
  for (const name of ["intern", "unknown", "federated", "other name", "plaintext"]) {
    expect([name, results.get(name)?.allowed]).toEqual([name, false]);
  }
});

test("passthrough: a sidecar sends the service's server names to the proxy, and no other name", async () => {
  const { objects, proxyLabels } = compiled(golden("passthrough"));
  const [address = ""] = addressesOf(objects, "broker.events.example");
  const call = { proxy: "api", mode: "outbound", address, port: 9094, tls: "tls" } as const;
  const { results } = await askOracle(
    surroundings(objects, [api, proxyPod(proxyLabels("events"))]),
    [sidecar(api)],
    [
      { name: "host", ...call, sni: "broker.events.example" },
      { name: "second name", ...call, sni: "b1.events.example" },
      { name: "other name", ...call, sni: "x.events.example" },
    ],
  );
  for (const name of ["host", "second name"]) {
    expect(results.get(name)?.cluster).toBe("outbound|9094||events.portreeve.svc.cluster.local");
  }
  expect(results.get("other name")?.cluster ?? "none").not.toMatch(/events/);
});

test("passthrough through an egress gateway: chosen by server name at the client, by port and identity at the gateway", async () => {
  const policies = golden("gateway")
    .replace("ports: [{ port: 2022, targetPort: 22022 }]", "ports: [2022]")
    .replace("tls: { mode: simple, sni: settle.bank.example }", "tls: { mode: passthrough }");
  const { objects } = compiled(policies);
  const gateway: Pod = {
    name: "gateway",
    namespace: "egress",
    ip: "10.0.3.10",
    labels: { istio: "egress" },
    serviceAccount: "egress",
  };
  const [address = ""] = addressesOf(objects, "sftp.bank.example");
  const model = loadModel({ texts: [{ name: "policies.yaml", text: policies }] });
  const port = planGatewayPorts(model).get("settlement/2022") ?? 0;
  const out = { proxy: "api", mode: "outbound", address, port: 2022, tls: "tls" } as const;
  const at = { proxy: "gateway", mode: "gateway", address: "0.0.0.0", port, sourceIP: api.ip } as const;
  const sni = "sftp.bank.example";
  const { results } = await askOracle(
    surroundings(objects, [api, gateway]),
    [sidecar(api), { ...gateway, type: "router" }],
    [
      { name: "name", ...out, sni },
      { name: "other name", ...out, sni: "x.bank.example" },
      { name: "api", ...at, tls: "mtls", sni, principal: "prod.example.com/ns/shop/sa/api" },
      { name: "intern", ...at, tls: "mtls", sni, principal: "prod.example.com/ns/shop/sa/intern" },
    ],
  );
  expect(results.get("name")?.endpoints).toEqual([`10.0.3.10:${port}`]);
  expect(results.get("other name")?.cluster ?? "none").not.toMatch(/settlement|bank/);
  expect(results.get("api")).toMatchObject({ allowed: true, cluster: "outbound|2022||sftp.bank.example" });
  expect(results.get("intern")?.allowed).toBe(false);
});

test("in the mesh: the service's own sidecar judges target ports, identities of either trust domain, and addresses", async () => {
  const { objects } = compiled(golden("in-mesh"));
  const ledger: Pod = {
    name: "ledger",
    namespace: "money",
    ip: "10.0.4.10",
    labels: { app: "ledger" },
    serviceAccount: "ledger",
  };
  const call = { proxy: "ledger", mode: "inbound", address: ledger.ip, tls: "mtls" } as const;
  const from = (id: string, sourceIP = "10.0.1.10") => ({ principal: id, sourceIP });
  const { results } = await askOracle(
    surroundings(objects, [ledger]),
    [sidecar(ledger)],
    [
      { name: "api", ...call, port: 13306, ...from("prod.example.com/ns/shop/sa/api") },
      { name: "alias", ...call, port: 13306, ...from("old.example.com/ns/shop/sa/worker") },
      { name: "monitoring", ...call, port: 9104, ...from("prod.example.com/ns/monitoring/sa/any") },
      { name: "by address", ...call, port: 9104, ...from("prod.example.com/ns/x/sa/y", "10.9.1.1") },
      { name: "wrong source", ...call, port: 13306, ...from("prod.example.com/ns/shop/sa/api", "192.0.2.1") },
      { name: "wrong port", ...call, port: 9104, ...from("prod.example.com/ns/shop/sa/api") },
      { name: "service port", ...call, port: 3306, ...from("prod.example.com/ns/shop/sa/api") },
      { name: "denied", ...call, port: 9104, ...from("prod.example.com/ns/batch/sa/x", "10.9.1.1") },
      { name: "federated", ...call, port: 13306, ...from("other.example.com/ns/shop/sa/api") },
      { name: "namesake", ...call, port: 9104, ...from("prod.example.com/ns/monitoring2/sa/any") },
      { name: "plaintext", ...call, port: 13306, tls: "plaintext", sourceIP: "10.0.1.10" },
    ],
  );
  for (const name of ["api", "alias", "monitoring", "by address"]) {
    expect([name, results.get(name)?.allowed]).toEqual([name, true]);
  }
  for (const name of [
    "wrong source",
    "wrong port",
    "service port",
    "denied",
    "federated",
    "namesake",
    "plaintext",
  ]) {
    expect([name, results.get(name)?.allowed]).toEqual([name, false]);
  }
});
