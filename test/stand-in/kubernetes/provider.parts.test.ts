/** The Kubernetes stand-in between the real engine and a real API server with Istio's resources and webhook. */
import * as k8s from "@pulumi/kubernetes";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ControlPlane, startControlPlane } from "../../cluster/control-plane.ts";
import type { ObjectRef } from "../../cluster/kube-client.ts";
import { openPulumi, type PulumiEnvironment } from "../../cluster/pulumi.ts";

let plane: ControlPlane;
let env: PulumiEnvironment;
beforeAll(async () => {
  env = await openPulumi();
  plane = await startControlPlane({ controllers: true, istiod: true });
});
afterAll(async () => {
  await env?.close();
  await plane?.stop();
});

const config: ObjectRef = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "shop" },
};
const policyRef: ObjectRef = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "orders", namespace: "shop" },
};

/** A namespace, a built-in object and a custom one, as one stack. */
function shop(wanted: { data: Record<string, string>; port: string; role?: string }) {
  return async () => {
    const provider = new k8s.Provider("cluster", { kubeconfig: plane.kubeconfig });
    const namespace = new k8s.core.v1.Namespace("shop", { metadata: { name: "shop" } }, { provider });
    const inShop = { provider, dependsOn: [namespace] };
    new k8s.core.v1.ConfigMap("settings", { metadata: config.metadata, data: wanted.data }, inShop);
    new k8s.apiextensions.CustomResource(
      "orders",
      {
        ...policyRef,
        spec: { action: "ALLOW", rules: [{ to: [{ operation: { ports: [wanted.port] } }] }] },
      },
      inShop,
    );
    new k8s.rbac.v1.RoleBinding(
      "binding",
      {
        metadata: { name: "binding", namespace: "shop" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: wanted.role ?? "reader" },
        subjects: [{ kind: "ServiceAccount", name: "api", namespace: "shop" }],
      },
      inShop,
    );
  };
}

test("create, no change, update, drift, replace, destroy", async () => {
  const wanted = { data: { a: "1", b: "2" } as Record<string, string>, port: "5432", role: "reader" };
  const stack = await env.inline("shop", () => shop(wanted)());

  expect((await stack.preview()).summary).toEqual({ create: 6 });
  expect(await plane.client.get(config)).toBeUndefined();
  expect((await stack.up()).summary).toEqual({ create: 6 });
  expect((await plane.client.get(config))?.data).toEqual({ a: "1", b: "2" });
  expect((await stack.up()).summary).toEqual({ same: 6 });
  expect((await stack.refresh()).summary).toEqual({ same: 6 });

  // A field that is no longer sent is removed: server-side apply by one and the same owner.
  wanted.data = { a: "3" };
  wanted.port = "6379";
  const update = await stack.preview();
  expect(update.steps.map(({ name, op, diffs }) => [name, op, diffs])).toEqual(
    expect.arrayContaining([
      ["settings", "update", ["data.a", "data.b"]],
      ["orders", "update", ["spec.rules[0].to[0].operation.ports[0]"]],
    ]),
  );
  expect((await stack.up()).summary).toEqual({ same: 4, update: 2 });
  expect((await plane.client.get(config))?.data).toEqual({ a: "3" });

  // Somebody changes it by hand: a refresh sees it.
  await plane.client.apply(
    { ...config, metadata: { ...config.metadata }, data: { a: "by hand" } },
    { fieldManager: "somebody" },
  );
  expect((await stack.refresh()).summary).toMatchObject({ update: 1 });
  // A field that somebody else owns is a conflict, told in the preview, and not something to win silently.
  await expect(stack.preview()).rejects.toThrow(/conflict with "somebody": .data.a/);
  await plane.client.delete(config);
  expect((await stack.refresh()).summary).toMatchObject({ delete: 1 });
  expect((await stack.up()).summary).toMatchObject({ create: 1 });

  wanted.role = "writer";
  expect((await stack.up()).summary).toEqual({ same: 5, replace: 1 });

  expect((await stack.destroy()).summary).toEqual({ delete: 6 });
  expect(
    await plane.client.get({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }),
  ).toBeUndefined();
  expect(await stack.resources()).toEqual([]);
});

test("what the cluster would refuse fails the preview already, also in a namespace that is not there yet", async () => {
  const stack = await env.inline("refused", shop({ data: {}, port: "99999" }));
  await expect(stack.preview()).rejects.toThrow(/denied the request.*port/s);
});

test("an object that is not there any more is no obstacle to destroying the stack", async () => {
  const stack = await env.inline("gone", shop({ data: { a: "1" }, port: "5432" }));
  await stack.up();
  await plane.client.delete(config);
  await plane.client.delete(policyRef);
  await stack.destroy();
  expect(await stack.resources()).toEqual([]);
});
