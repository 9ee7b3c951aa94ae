/**
 * The mesh harness sends real packets through Istio's own sidecars. What it does not prove: anything about ambient
 * (there is no ztunnel here), nor about Istio's metrics, which stock Envoy does not have.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Pod, startMesh } from "./mesh.ts";
import { until } from "./until.ts";

let mesh: Mesh;
let pods: Record<"api" | "stranger" | "plain" | "database", Pod>;

beforeAll(async () => {
  mesh = await startMesh();
  const { client } = mesh.plane;
  const database = await mesh.add({ name: "database", namespace: "data" });
  pods = {
    database,
    api: await mesh.add({ name: "api", namespace: "shop" }),
    stranger: await mesh.add({ name: "stranger", namespace: "shop" }),
    plain: await mesh.add({ name: "plain", namespace: "shop", sidecar: false }),
  };
  await client.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "database", namespace: "data" },
    spec: {
      clusterIP: "10.96.0.50",
      selector: { app: "database" },
      ports: [
        { name: "tcp", port: 5432 },
        { name: "tcp-other", port: 9999 },
      ],
    },
  });
  await client.apply({
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name: "strict", namespace: "data" },
    spec: { mtls: { mode: "STRICT" } },
  });
  await client.apply({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "database", namespace: "data" },
    spec: {
      selector: { matchLabels: { app: "database" } },
      action: "ALLOW",
      rules: [
        {
          from: [{ source: { principals: ["cluster.local/ns/shop/sa/api"] } }],
          to: [{ operation: { ports: ["5432"] } }],
        },
      ],
    },
  });
  await database.serveTcp(5432);
  await database.serveTcp(9999);
  await until("the policy in force", 30, async () => {
    const [good, bad] = [
      await pods.api.callTcp("10.96.0.50", 5432),
      await pods.stranger.callTcp("10.96.0.50", 5432),
    ];
    return good.outcome === "reply" && bad.outcome === "no reply";
  });
});
afterAll(() => mesh?.stop());

test("who is granted gets through", async () => {
  const answer = await pods.api.callTcp("10.96.0.50", 5432);
  expect(answer).toEqual({ outcome: "reply", text: "pong ping-ping-ping" });
});

test("past the service, to the pod's own address, a sidecar sends no identity along: no reply", async () => {
  expect((await pods.api.callTcp(pods.database.ip, 5432)).outcome).toBe("no reply");
});

test("who is not granted gets no reply, and the access log says why", async () => {
  expect((await pods.stranger.callTcp("10.96.0.50", 5432)).outcome).toBe("no reply");
  await until("the denial in the access log", 20, () =>
    pods.database.sidecarLog().includes("rbac_access_denied_matched_policy[none]"),
  );
});

test("a port without a rule is closed to who is granted another one", async () => {
  expect((await pods.api.callTcp("10.96.0.50", 9999)).outcome).toBe("no reply");
});

test("who has no identity gets no reply", async () => {
  expect((await pods.plain.callTcp(pods.database.ip, 5432)).outcome).toBe("no reply");
});
