/** The harness's own control plane: it starts, judges Istio objects as a cluster would, and leaves nothing behind. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alive, startOf } from "../toolchain/machine.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ controllers: true, istiod: true });
});
afterAll(() => plane?.stop());

const serviceEntry = (spec: Record<string, unknown>): KubeObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "ServiceEntry",
  metadata: { name: "legacy", namespace: "default" },
  spec: { hosts: ["legacy.example.com"], location: "MESH_EXTERNAL", resolution: "DNS", ...spec },
});

const policy = (port: string): KubeObject => ({
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "orders", namespace: "default" },
  spec: { action: "ALLOW", rules: [{ to: [{ operation: { ports: [port] } }] }] },
});

describe("what a cluster refuses is refused", () => {
  test("a good ServiceEntry is stored", async () => {
    const good = serviceEntry({ ports: [{ number: 1521, name: "tcp", protocol: "TCP" }] });
    await plane.client.apply(good);
    expect((await plane.client.get(good))?.spec).toMatchObject({ hosts: ["legacy.example.com"] });
    await plane.client.delete(good);
    expect(await plane.client.get(good)).toBeUndefined();
  });

  test("CEL: two ports of one number", async () => {
    const port = { number: 1521, protocol: "TCP" };
    const bad = serviceEntry({
      ports: [
        { ...port, name: "a" },
        { ...port, name: "b" },
      ],
    });
    await expect(plane.client.dryRun(bad)).rejects.toThrow(/port number cannot be duplicated/);
  });

  test("schema: a field that does not exist", async () => {
    const bad = serviceEntry({ prots: [] });
    await expect(plane.client.dryRun(bad)).rejects.toThrow(
      /unknown field.*prots|field not declared in schema/,
    );
  });

  test("istiod's webhook: a port above 65535, which CEL lets pass", async () => {
    await expect(plane.client.dryRun(policy("5432"))).resolves.toBeDefined();
    await expect(plane.client.dryRun(policy("99999"))).rejects.toThrow(/denied the request.*port/s);
  });

  test("a dry run stores nothing", async () => {
    await plane.client.dryRun(policy("5432"));
    expect(await plane.client.get(policy("5432"))).toBeUndefined();
  });
});

test("controllers: a namespace gets its service account, and goes with all that is in it", async () => {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "shop" }, data: {} };
  await plane.client.apply(namespace);
  await plane.client.apply(map);
  await plane.client.delete(namespace);
  expect(await plane.client.get(map)).toBeUndefined();
});

test("stopping ends every process and removes the folder", async () => {
  const other = await startControlPlane();
  const sleeper = await other.scope.start("sleeper", "sleep", ["600"], { ready: () => true });
  const start = startOf(sleeper.pid);
  expect(start !== undefined && alive(sleeper.pid, start)).toBe(true);
  await other.stop();
  expect(startOf(sleeper.pid)).toBeUndefined();
  expect(existsSync(other.scope.dir)).toBe(false);
  await expect(fetch(other.server)).rejects.toThrow();
});
