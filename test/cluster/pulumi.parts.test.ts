/** The real engine with the Kubernetes stand-in that renders to a folder. What it does not prove: that the real provider agrees. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPulumi, type PulumiEnvironment } from "./pulumi.ts";

let env: PulumiEnvironment;
beforeAll(async () => {
  env = await openPulumi();
});
afterAll(() => env?.close());

/** Every state file of the backend, as stored. */
function stateOnDisk(): string {
  const state = join(env.dir, "state");
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")).join("\n");
}

test("a stack is created, unchanged, updated, replaced and destroyed", async () => {
  const folder = join(env.dir, "rendered");
  let value = "one";
  let name = "settings";
  const stack = await env.inline("render", async () => {
    const provider = new k8s.Provider("render", { renderYamlToDirectory: folder });
    const map = new k8s.core.v1.ConfigMap(
      "map",
      { metadata: { name, namespace: "shop" }, data: { value } },
      { provider },
    );
    return { name: map.metadata.name };
  });

  const preview = await stack.preview();
  expect(preview.summary).toEqual({ create: 3 });
  expect(existsSync(folder)).toBe(false);

  const created = await stack.up();
  expect(created.summary).toEqual({ create: 3 });
  expect(created.outputs.name?.value).toBe("settings");
  const file = join(folder, "1-manifest/v1-configmap-shop-settings.yaml");
  expect(readFileSync(file, "utf8")).toContain("value: one");

  expect((await stack.up()).summary).toEqual({ same: 3 });

  value = "two";
  const update = await stack.preview();
  expect(update.steps.map(({ op, name, diffs }) => ({ op, name, diffs }))).toEqual([
    { op: "update", name: "map", diffs: ["data.value"] },
  ]);
  await stack.up();
  expect(readFileSync(file, "utf8")).toContain("value: two");

  name = "options";
  const replace = await stack.up();
  expect(replace.summary).toEqual({ same: 2, replace: 1 });
  expect(readdirSync(join(folder, "1-manifest"))).toEqual(["v1-configmap-shop-options.yaml"]);

  expect((await stack.destroy()).summary).toEqual({ delete: 3 });
  expect(readdirSync(join(folder, "1-manifest"))).toEqual([]);
  expect(await stack.resources()).toEqual([]);
});

test("a name nobody chose is made once and kept", async () => {
  const folder = join(env.dir, "autonamed");
  const stack = await env.inline("autonamed", async () => {
    const provider = new k8s.Provider("render", { renderYamlToDirectory: folder });
    new k8s.core.v1.ConfigMap("map", { data: { a: "b" } }, { provider });
  });
  await stack.up();
  const [first] = readdirSync(join(folder, "1-manifest"));
  expect(first).toMatch(/^v1-configmap-default-map-[0-9a-f]{8}\.yaml$/);
  expect((await stack.up()).summary).toEqual({ same: 3 });
  expect(readdirSync(join(folder, "1-manifest"))).toEqual([first]);
  await stack.destroy();
});

test("a secret is encrypted in the state, and the provider gets its value", async () => {
  const folder = join(env.dir, "secret");
  const stack = await env.inline("secret", async () => {
    const provider = new k8s.Provider("render", { renderYamlToDirectory: folder });
    const metadata = { name: "login", namespace: "shop" };
    const stringData = { password: pulumi.secret("correct-horse") };
    new k8s.core.v1.Secret("login", { metadata, stringData }, { provider });
  });
  await stack.up();
  expect(stateOnDisk()).toContain("shop/login");
  expect(stateOnDisk()).not.toContain("correct-horse");
  expect(readFileSync(join(folder, "1-manifest/v1-secret-shop-login.yaml"), "utf8")).toContain(
    "correct-horse",
  );
  await stack.destroy();
});

test("the stand-in says what it is when it cannot do something", async () => {
  const stack = await env.inline("refused", async () => {
    const provider = new k8s.Provider("render", { renderYamlToDirectory: join(env.dir, "refused") });
    new k8s.core.v1.ConfigMapPatch("patch", { metadata: { name: "x" } }, { provider });
  });
  await expect(stack.preview()).rejects.toThrow(
    /only whole Kubernetes objects are.*test stand-in for the kubernetes provider/s,
  );
});
