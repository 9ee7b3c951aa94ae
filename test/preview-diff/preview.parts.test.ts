/**
 * The access change in `pulumi preview` itself, with the real engine; the kubernetes provider is the stand-in that renders to a
 * folder. The programs run inline, because the language host for programs in folders that tests build knows no hooks; what
 * happens then is tested too. Not proven here: how Pulumi Cloud shows the message.
 */
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Provider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { diffSides } from "../../cli/diff/diff.ts";
import { AccessPlane } from "../../components/index.ts";
import { openPulumi, type PulumiEnvironment } from "../cluster/pulumi.ts";
import type { TestStack } from "../cluster/pulumi-stack.ts";

const root = join(import.meta.dirname, "../..");
const POLICIES = readFileSync(join(import.meta.dirname, "testdata/policies.yaml"), "utf8");
const SECRET = "vpce-0secret.example.com";
const NOW = "2026-11-21T00:00:00Z";
const MOVED = "workloads: [shop/worker] }\n  to";
let env: PulumiEnvironment;

beforeAll(async () => {
  env = await openPulumi();
});
afterAll(() => env?.close());

interface Plane {
  readonly stack: TestStack;
  policies: string;
  options: pulumi.ComponentResourceOptions;
}

/** A stack with one plane whose policies and options a test may change between two runs. */
async function planeStack(project: string): Promise<Plane> {
  const state = { policies: POLICIES, options: {} as pulumi.ComponentResourceOptions };
  const stack = await env.inline(project, async () => {
    const provider = new Provider("render", { renderYamlToDirectory: join(env.dir, project) });
    const args = { policyText: state.policies, refs: { ordersDb: pulumi.secret(SECRET) }, now: NOW };
    new AccessPlane("prod", args, { provider, ...state.options });
  });
  return Object.assign(state, { stack });
}

type Run = (args: string[], ...rest: unknown[]) => unknown;

/** `pulumi preview --json`, which the Automation API has no option for. */
async function previewJson({ stack }: Plane): Promise<string> {
  // The type leaves out how the API calls the CLI.
  const command = stack.stack.workspace.pulumiCommand as unknown as { run?: Run };
  const run = command.run?.bind(command);
  if (run === undefined) throw new Error("the Automation API calls the CLI in another way");
  command.run = (args, ...rest) => run(args[0] === "preview" ? [...args, "--json"] : args, ...rest);
  try {
    return (await stack.stack.preview()).stdout;
  } finally {
    command.run = run;
  }
}

interface Diagnostic {
  readonly urn?: string;
  readonly message?: string;
  readonly severity?: string;
}

/** The messages on the plane that begin with `access:`. */
async function told(plane: Plane): Promise<string[]> {
  const output = await previewJson(plane);
  expect(output).not.toContain(SECRET);
  const { diagnostics = [] }: { diagnostics?: Diagnostic[] } = JSON.parse(output);
  return diagnostics.flatMap(({ urn = "", message = "", severity }) => {
    if (!message.startsWith("access:")) return [];
    expect(urn).toMatch(/::portreeve:index:AccessPlane::prod$/);
    expect(severity).toBe("info");
    return [message.trim()];
  });
}

describe("pulumi preview", () => {
  it("tells the first deployment, then the change of one grant with its line, and nothing when nothing changes", async () => {
    const plane = await planeStack("told");
    expect(await told(plane)).toEqual([
      "access: first deployment: 2 connections become allowed\n" +
        "+ okta:dba gains orders-db:5432 via proxy, until 2027-09-30T00:00:00Z [new human access] (policyText:38:1 Grant/dba-orders added)\n" +
        "+ shop/api gains orders-db:5432 via proxy (policyText:30:1 Grant/api-orders added)",
    ]);
    await plane.stack.up();
    expect(await told(plane)).toEqual([]);

    plane.policies = POLICIES.replace("workloads: [shop/api] }\n  to", MOVED);
    const expected = [
      "access: 1 gained, 1 lost; 1 let somebody reach more",
      "+ shop/worker gains orders-db:5432 via proxy (policyText:30:1 Grant/api-orders changed)",
      "- shop/api loses orders-db:5432 via proxy (Grant/api-orders changed)",
    ];
    expect(await told(plane)).toEqual([expected.join("\n")]);
    const { stdout } = await plane.stack.stack.preview();
    for (const line of expected) expect(stdout).toContain(line);
    expect(stdout).not.toContain(SECRET);
    // The engine's own difference of the component's input names the same two pairs.
    const { text } = await plane.stack.preview();
    expect(text).toMatch(/\+ shop\/worker → orders-db:5432 *: \[/);
    expect(text).toMatch(/- shop\/api → orders-db:5432 *: \[/);

    // What portreeve diff finds between the stack's export and the preview.
    const [state, preview] = [join(env.dir, "state.json"), join(env.dir, "preview.json")];
    writeFileSync(state, JSON.stringify(await plane.stack.stack.exportStack()));
    writeFileSync(preview, await previewJson(plane));
    const { diff } = diffSides(state, preview, { now: Date.parse(NOW), expand: false, requireAck: false });
    expect(diff.changes.map(({ change, from, to }) => `${change} ${from} ${to}`)).toEqual([
      "gained shop/worker orders-db",
      "lost shop/api orders-db",
    ]);
    expect((await plane.stack.up()).text).toContain("shop/worker gains orders-db:5432");
    expect(await told(plane)).toEqual([]);
  });

  it("is silent on a rename, and has no part in a destroy; hooks of the user's own still run", async () => {
    const plane = await planeStack("silent");
    let ran = 0;
    const own = (): void => {
      ran += 1;
    };
    plane.options = { hooks: { beforeCreate: [own] } };
    expect((await plane.stack.up()).text).toContain("access: first deployment");
    expect(ran).toBe(1);
    plane.options = {};
    plane.policies = POLICIES.replace("name: api-orders", "name: orders-for-api");
    expect(await told(plane)).toEqual([]);
    expect((await plane.stack.up()).text).not.toContain("access:");
    expect((await plane.stack.destroy()).text).not.toContain("access:");
  });

  it("tells what changes for a stack that was deployed before the input was there", async () => {
    const plane = await planeStack("older");
    await plane.stack.up();
    const exported = await plane.stack.stack.exportStack();
    for (const resource of exported.deployment.resources ?? []) {
      if (resource.type === "portreeve:index:AccessPlane") delete resource.inputs;
    }
    await plane.stack.stack.importStack(exported);
    expect(await told(plane)).toEqual([]);
    plane.policies = POLICIES.replace("workloads: [shop/api] }\n  to", MOVED);
    expect(await told(plane)).toEqual([expect.stringMatching(/^access: 1 gained, 1 lost/)]);
  });
});

describe("a language host that knows no hooks", () => {
  it("deploys as before, and tells nothing", async () => {
    const dir = join(env.dir, "old-host");
    mkdirSync(dir);
    symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
    writeFileSync(join(dir, "policies.yaml"), POLICIES);
    writeFileSync(join(dir, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(dir, "Pulumi.yaml"),
      "name: old-host\nruntime: { name: nodejs, options: { typescript: false } }\nmain: index.ts\n",
    );
    writeFileSync(
      join(dir, "index.ts"),
      `import { Provider } from "@pulumi/kubernetes/provider.js";
import { AccessPlane } from ${JSON.stringify(join(root, "components/index.ts"))};
const provider = new Provider("render", { renderYamlToDirectory: "out" });
new AccessPlane("prod", { policies: "policies.yaml", refs: { ordersDb: "db.example.com" } }, { provider });
`,
    );
    await env.cli(dir, ["stack", "init", "test"]);
    const text = await env.cli(dir, ["up", "--yes", "--skip-preview"]);
    expect(text).toMatch(/portreeve:index:AccessPlane prod creating/);
    expect(text).not.toContain("access:");
  });
});

describe("a program in another language", () => {
  it("is told the same by the component's provider", async () => {
    const other = await openPulumi({ languages: ["yaml"] });
    try {
      const main = join(other.dir, "provider.ts");
      const source = (path: string): string => JSON.stringify(join(root, path));
      writeFileSync(
        main,
        `import { main } from ${source("node_modules/@pulumi/pulumi/provider/index.js")};
import { construct } from ${source("provider/construct.ts")};
import { packageSchema } from ${source("provider/schema.ts")};
void main({ version: "0.0.1", getSchema: async () => packageSchema("0.0.1"), construct }, process.argv.slice(2));
`,
      );
      const plugin = join(other.bin, "pulumi-resource-portreeve");
      writeFileSync(plugin, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
      chmodSync(plugin, 0o755);
      const project = join(other.dir, "yaml");
      cpSync(join(root, "examples/yaml"), project, { recursive: true });
      const stack = await other.folder(project);
      await stack.config({ "portreeve-yaml:renderDir": join(other.dir, "rendered") });
      expect((await stack.stack.preview()).stdout).toMatch(
        /access: first deployment: \d+ connections? become/,
      );
      await stack.up();
      const again = await stack.up();
      expect(again.text).not.toContain("access:");
      expect(Object.keys(again.summary)).toEqual(["same"]);
    } finally {
      await other.close();
    }
  });
});
