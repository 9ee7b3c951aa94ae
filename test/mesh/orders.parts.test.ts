/**
 * The orders example with real traffic: compiled objects in a real API server, istiod, Envoy sidecars in network
 * namespaces, a real MariaDB, and the Portreeve proxy between the sidecars and what stands for RDS and ElastiCache.
 *
 * Not proven here: ambient (no ztunnel can be had), NetworkPolicies (no network plugin enforces them here), the egress
 * gateway's traffic (its objects are applied and validated).
 */
import { chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../policy/load/index.ts";
import type { Model } from "../../policy/model/types.ts";
import { type Mesh, type Pod, startMesh } from "../cluster/mesh.ts";
import type { Running } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { onPath } from "../toolchain/machine.ts";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import { type Deployed, deploy } from "./deploy.ts";
import { startProxyPod } from "./proxy-pod.ts";

const policies = join(import.meta.dirname, "../../examples/orders/policies");
const refs = {
  ordersDbEndpoint: "orders.example.com",
  ordersDbResourceId: "cluster-A",
  ordersDbSecurityGroup: "sg-1",
  nodeSecurityGroup: "sg-2",
};
/** A second PostgreSQL on the same port: the case in which naive ServiceEntries send traffic to the wrong backend. */
const replica = `
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: orders-replica }
spec:
  protocol: postgres
  owner: team-orders
  hosts: [orders-replica.example.com]
  ports: [5432]
  location: { type: external }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: api-replica }
spec:
  from: { workloads: [shop/api] }
  to: { service: orders-replica }
  owner: team-orders
`;

let model: Model;
let mesh: Mesh;
let databaseDir: string | undefined;
let deployed: Deployed;
let proxy: Running;
let pods: Record<
  "api" | "worker" | "reports" | "workerTool" | "reportsTool" | "pricing" | "catalog" | "plain" | "importer",
  Pod
>;
let vip: Record<"orders-db" | "orders-replica" | "cache", string>;
let clusterIp: Record<"pricing" | "catalog-db", string>;

beforeAll(async () => {
  model = loadModel({ paths: [policies], texts: [{ name: "replica.yaml", text: replica }] });
  mesh = await startMesh({ trustDomain: model.trust.spec.trustDomain });
  const { client, istiod } = mesh.plane;
  if (!istiod) throw new Error("a mesh has istiod");
  const add = (namespace: string, name: string, more: object = {}) => mesh.add({ namespace, name, ...more });
  pods = {
    api: await add("shop", "api"),
    worker: await add("shop", "worker"),
    reports: await add("analytics", "reports"),
    // The same identities in pods that no Sidecar scope selects: what the service itself says to them.
    workerTool: await add("shop", "worker-tool", { serviceAccount: "worker" }),
    reportsTool: await add("analytics", "reports-tool", { serviceAccount: "reports" }),
    pricing: await add("shop", "pricing"),
    catalog: await add("shop", "catalog-db"),
    plain: await add("shop", "plain", { sidecar: false }),
    importer: await add("legacy", "importer", { sidecar: false }),
  };
  await service("shop", "pricing", 50051, 9090);
  await service("shop", "catalog-db", 3306, 3306);
  deployed = await deploy(client, model, "use1", refs);

  await pods.pricing.serveTcp(9090);
  await startMariadb(pods.catalog);
  const outside = async (name: string, port: number) => {
    const pod = await add("outside", name, { sidecar: false });
    await pod.start("server", process.execPath, ["-e", answering(name, port)], { ready: () => true });
    return { host: pod.ip, port };
  };
  const proxyPod = await add("portreeve", "proxy", {
    sidecar: false,
    serviceAccount: "portreeve-proxy",
    labels: {
      "app.kubernetes.io/name": "portreeve-proxy",
      "portreeve.dev/shard": "0",
      "security.istio.io/tlsMode": "istio",
    },
  });
  const dir = join(mesh.plane.scope.dir, "portreeve");
  mkdirSync(dir);
  proxy = await startProxyPod(proxyPod, client, deployed.proxy, {
    dir,
    istiod,
    backends: {
      "orders-db": await outside("orders-db", 5432),
      "orders-replica": await outside("orders-replica", 5432),
      cache: await outside("cache", 6379),
    },
  });

  vip = {
    "orders-db": addressOf("orders-db"),
    "orders-replica": addressOf("orders-replica"),
    cache: addressOf("cache"),
  };
  clusterIp = { pricing: await clusterIpOf("pricing"), "catalog-db": await clusterIpOf("catalog-db") };
  await until("the policies in force", 60, async () => {
    const outcomes = [
      (await pods.api.callTcp(clusterIp.pricing, 50051)).outcome,
      (await pods.worker.callTcp(clusterIp.pricing, 50051)).outcome,
      (await pods.api.callTcp(vip["orders-db"], 5432)).outcome,
    ];
    return outcomes.join() === "reply,no reply,reply";
  });
});

afterAll(async () => {
  await mesh?.stop();
  if (databaseDir) rmSync(databaseDir, { recursive: true, force: true });
});

async function service(namespace: string, name: string, port: number, targetPort: number): Promise<void> {
  const spec = { selector: { app: name }, ports: [{ name: `tcp-${port}`, port, targetPort }] };
  await mesh.plane.client.apply({ apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec });
}

async function clusterIpOf(name: string): Promise<string> {
  const found = await mesh.plane.client.get({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
  });
  return (found as unknown as { spec: { clusterIP: string } }).spec.clusterIP;
}

function addressOf(name: string): string {
  const entry = deployed.objects.find(
    (object) => object.kind === "ServiceEntry" && object.metadata.name === name,
  );
  const [address] = (entry as unknown as { spec: { addresses: string[] } }).spec.addresses;
  return address ?? "";
}

/** A server that says its name, so that a test sees which one was reached. */
function answering(name: string, port: number): string {
  return `require("net").createServer((s)=>{s.on("error",()=>{});s.once("data",()=>s.end("${name}"))}).listen(${port},"0.0.0.0")`;
}

async function startMariadb(pod: Pod): Promise<void> {
  const { path } = await part("mariadb");
  const install = onPath("mariadb-install-db");
  if (!install) throw new Error("mariadb-install-db is not on PATH; it comes with mariadb-server");
  // Not below the scope's folder, which nobody but its owner may enter.
  const data = mkdtempSync(join(tmpdir(), "portreeve-mariadb-"));
  databaseDir = data;
  chownSync(data, 65534, 65534);
  await run(
    install,
    ["--no-defaults", `--datadir=${data}/data`, "--auth-root-authentication-method=normal", "--skip-test-db"],
    { cwd: data, uid: 65534, gid: 65534 },
  );
  const args = [
    "--no-defaults",
    `--datadir=${data}/data`,
    "--bind-address=0.0.0.0",
    "--port=3306",
    `--socket=${data}/socket`,
    `--pid-file=${data}/pid`,
    "--skip-grant-tables",
    // Nobody answers DNS here.
    "--skip-name-resolve",
    "--skip-networking=0",
  ];
  await pod.start("mariadb", path, [...args, "--user=nobody"], {
    ready: () => pod.exec("mariadb", `--socket=${data}/socket`, "-e", "select 1"),
  });
}

const sql = (pod: Pod) =>
  pod.exec(
    "mariadb",
    "--protocol=tcp",
    `--host=${clusterIp["catalog-db"]}`,
    "--user=root",
    "--connect-timeout=8",
    "--skip-ssl",
    "-N",
    "-e",
    "select 40+2",
  );

describe("in the mesh", () => {
  it("compiles without an error", () => {
    expect(deployed.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("lets a granted workload through, at the port that the service listens on", async () => {
    expect(await pods.api.callTcp(clusterIp.pricing, 50051)).toMatchObject({ outcome: "reply" });
  });

  it("gives a workload without a grant no reply, and the log says that no policy matched", async () => {
    expect((await pods.workerTool.callTcp(clusterIp.pricing, 50051)).outcome).toBe("no reply");
    await until("the denial in the log", 20, () =>
      pods.pricing.sidecarLog().includes("rbac_access_denied_matched_policy[none]"),
    );
  });

  it("hides a service from a workload whose Sidecar scope does not hold it", async () => {
    expect((await pods.worker.callTcp(clusterIp.pricing, 50051)).outcome).toBe("no reply");
  });

  it("refuses a peer without a certificate", async () => {
    expect((await pods.plain.callTcp(pods.pricing.ip, 9090)).outcome).toBe("no reply");
  });

  it("answers a server-first protocol: MariaDB greets through two sidecars", async () => {
    expect((await sql(pods.api)).trim()).toBe("42");
  });

  it("denies by the explicit deny, which the log names", async () => {
    await expect(sql(pods.reportsTool)).rejects.toThrow();
    await until("the denial in the log", 20, () =>
      pods.catalog.sidecarLog().includes("ns[shop]-policy[deny-catalog-db]-rule[0]"),
    );
  });
});

describe("external services through the proxy", () => {
  it("reaches the right one of two services on one port", async () => {
    expect(await pods.api.callTcp(vip["orders-db"], 5432)).toEqual({ outcome: "reply", text: "orders-db" });
    expect(await pods.api.callTcp(vip["orders-replica"], 5432)).toEqual({
      outcome: "reply",
      text: "orders-replica",
    });
    expect(await pods.api.callTcp(vip.cache, 6379)).toEqual({ outcome: "reply", text: "cache" });
  });

  it("records workload, namespace, rule and backend of what it let through", async () => {
    await pods.reports.callTcp(vip["orders-db"], 5432);
    await until("the record", 20, () => records("reports-orders").length > 0);
    expect(records("reports-orders")[0]).toMatchObject({
      verdict: "allow",
      "src.identity": "spiffe://shop.example.com/ns/analytics/sa/reports",
      "src.namespace": "analytics",
      "dst.service": "orders-db",
      position: expect.stringMatching(/grants\.yaml:\d+:\d+$/),
    });
  });

  it("refuses a workload without the grant before it dials, and records who it was", async () => {
    expect(await pods.workerTool.callTcp(vip.cache, 6379)).not.toMatchObject({ text: "cache" });
    const denied = () =>
      allRecords().filter((record) => record.verdict === "deny" && record["dst.service"] === "cache");
    await until("the refusal in the record", 40, async () => {
      await pods.workerTool.callTcp(vip.cache, 6379);
      return denied().length > 0;
    });
    expect(denied()[0]).toMatchObject({
      "src.identity": "spiffe://shop.example.com/ns/shop/sa/worker",
      reason: "no-grant-for-workload",
    });
    expect(denied()[0]).not.toHaveProperty("dst.addr");
  });
});

function allRecords(): Record<string, unknown>[] {
  const lines = proxy.log().split("\n");
  return lines
    .filter((line) => line.startsWith("{") && line.includes('"event":"close"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function records(rule: string): Record<string, unknown>[] {
  return allRecords().filter((record) => record.rule === rule);
}
