/** Projects in a folder, through the language hosts: what a user's `pulumi up` runs. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPulumi, type PulumiEnvironment } from "./pulumi.ts";

let env: PulumiEnvironment;
beforeAll(async () => {
  env = await openPulumi({ languages: ["nodejs", "yaml"] });
});
afterAll(() => env?.close());

/** A project of these files, with the repository's packages. */
function project(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(env.dir, name);
  mkdirSync(folder);
  symlinkSync(join(import.meta.dirname, "../../node_modules"), join(folder, "node_modules"));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

const manifests = (folder: string) => readdirSync(join(folder, "rendered/1-manifest"));

test("an ESM program in JavaScript", async () => {
  const folder = project("javascript", {
    "Pulumi.yaml": "name: javascript\nruntime: nodejs\n",
    "package.json": `{"type":"module","main":"index.js"}`,
    "index.js": `
      import * as k8s from "@pulumi/kubernetes";
      const provider = new k8s.Provider("render", { renderYamlToDirectory: "rendered" });
      new k8s.core.v1.ConfigMap("map", { metadata: { name: "map" }, data: { node: process.version } }, { provider });
      export const ok = true;`,
  });
  const stack = await env.folder(folder);
  const up = await stack.up();
  expect(up.outputs.ok?.value).toBe(true);
  expect(manifests(folder)).toEqual(["v1-configmap-default-map.yaml"]);
  expect((await stack.up()).summary).toEqual({ same: 3 });
  await stack.destroy();
});

test("a program in YAML, by the command line", async () => {
  const folder = project("yaml", {
    "Pulumi.yaml": `
name: yaml
runtime: yaml
resources:
  render:
    type: pulumi:providers:kubernetes
    properties: { renderYamlToDirectory: rendered }
outputs:
  greeting: hello
`,
  });
  await env.cli(folder, ["stack", "init", "test"]);
  await env.cli(folder, ["up", "--yes", "--skip-preview"]);
  expect(JSON.parse(await env.cli(folder, ["stack", "output", "--json"]))).toEqual({ greeting: "hello" });
  await env.cli(folder, ["destroy", "--yes", "--skip-preview"]);
});
