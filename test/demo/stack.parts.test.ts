/** Stacks through the real engine: other languages, mistakes, and changes in place. */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeWorkspace } from "../../scripts/demo/workspace.ts";
import { openPulumi, type PulumiEnvironment } from "../cluster/pulumi.ts";
import { openScope, type Scope } from "../cluster/scope.ts";

const root = join(import.meta.dirname, "../..");
let scope: Scope;
let pulumi: PulumiEnvironment | undefined;

beforeEach(async () => {
  scope = await openScope("stack");
});

afterEach(async () => {
  await pulumi?.close();
  await scope.stop();
});

describe("a policy mistake", () => {
  it("fails the preview with its line and column, and registers nothing", async () => {
    pulumi = await openPulumi();
    const workspace = makeWorkspace(scope.dir);
    const file = join(workspace.policies, "services.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace("protocol: postgres", "protocol: postgras"));
    const stack = await pulumi.folder(workspace.dir);
    await stack.config({
      "portreeve-orders:policies": workspace.policies,
      "portreeve-orders:renderDir": workspace.rendered,
    });
    const failure = await stack.preview().then(
      () => "no failure",
      (error: unknown) => String(error),
    );
    expect(failure).toMatch(
      /services\.yaml:9:13: error PR106: `spec\.protocol` cannot be "postgras"; did you mean "postgres"\?/,
    );
    expect(failure).not.toMatch(/portreeve:index:TcpService/);
    expect(await stack.resources()).toEqual([]);
  });
});

describe("Pulumi YAML", () => {
  it("uses the component through the provider plugin, twice without a change", async () => {
    pulumi = await openPulumi({ languages: ["yaml"] });
    const plugin = join(pulumi.bin, "pulumi-resource-portreeve");
    writeFileSync(
      plugin,
      `#!/bin/sh\nexec '${process.execPath}' '${join(root, "dist/provider/main.js")}' "$@"\n`,
    );
    chmodSync(plugin, 0o755);
    const project = join(scope.dir, "yaml");
    mkdirSync(project);
    cpSync(join(root, "examples/yaml"), project, { recursive: true });
    const stack = await pulumi.folder(project);
    await stack.config({ "portreeve-yaml:renderDir": join(scope.dir, "rendered") });
    const up = await stack.up();
    expect(up.outputs.accessTable?.value).toMatchObject([
      { from: "shop/api", service: "ledger", port: 5432, point: "proxy" },
    ]);
    expect(up.outputs.policyDigest?.value).toMatch(/^sha256:[0-9a-f]{64}$/);
    const entry = (await stack.resources()).find((resource) => resource.type.endsWith("ServiceEntry"));
    expect(entry?.inputs.spec).toMatchObject({ hosts: ["ledger.example.com"] });
    expect((await stack.up()).steps).toEqual([]);
    await stack.destroy();
    expect(await stack.resources()).toEqual([]);
  });
});
