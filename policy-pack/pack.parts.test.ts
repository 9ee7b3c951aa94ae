/**
 * The pack with the real CLI and engine. The engine starts the pack itself, as an executable: the sources, run by Node.
 * How an installation starts it (the language host runs `@pulumi/pulumi/cmd/run-policy-pack` in the pack's folder) is tested
 * with that same script, because the language host at hand is older than policy packs by folder.
 * The providers are stand-ins: the engine shows a pack the inputs, and those do not depend on the provider.
 */
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeWorkspace } from "../scripts/demo/workspace.ts";
import { openPulumi, type PulumiEnvironment } from "../test/cluster/pulumi.ts";
import type { Resource } from "./resource.ts";
import { packRules } from "./rules.ts";

const root = join(import.meta.dirname, "..");
let environment: PulumiEnvironment;
let pack: string;
let installed: string;

beforeAll(async () => {
  environment = await openPulumi();
  const node = `'${process.execPath}' --disable-warning=ExperimentalWarning`;
  pack = executable("from-sources", `exec ${node} '${join(root, "policy-pack/index.ts")}'`);
  const runner = join(root, "node_modules/@pulumi/pulumi/cmd/run-policy-pack");
  installed = executable(
    "from-folder",
    `cd '${join(root, "policy-pack")}' && exec ${node} '${runner}' "$1" .`,
  );
});
afterAll(() => environment.close());

function executable(name: string, line: string): string {
  const path = join(environment.dir, name);
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
  return path;
}

class Sample extends pulumi.CustomResource {}

/** A stack of sample resources, whatever they are. */
function program(resources: readonly Resource[]): PulumiFn {
  return async () => {
    const kubernetes = new k8s.Provider("kubernetes", {
      renderYamlToDirectory: join(environment.dir, "out"),
    });
    for (const [index, { type, props }] of resources.entries()) {
      const options = type.startsWith("kubernetes:") ? { provider: kubernetes } : {};
      new Sample(type, `r${index}`, { ...props }, options);
    }
  };
}

/** What `pulumi preview` with the pack says: all it printed, and whether it was stopped. */
async function preview(name: string, resources: readonly Resource[], packs = [pack], configs: string[] = []) {
  const { stack } = await environment.inline(name, program(resources));
  try {
    const { stdout } = await stack.preview({ policyPacks: packs, policyPackConfigs: configs });
    return { stopped: false, text: stdout };
  } catch (error) {
    return { stopped: true, text: String(error) };
  }
}

const worst = packRules.filter(({ severities }) => severities[0] === "error");

describe("a stack under the policy pack", () => {
  // The engine asks about a stack as a whole only when every resource of it is in order.
  it.each(["resource", "stack"] as const)(
    "is stopped at preview by every rule over a %s that it breaks",
    async (over) => {
      const rules = worst.filter((rule) => rule.over === over);
      const { stopped, text } = await preview(
        `bad-${over}`,
        rules.flatMap(({ bad }) => bad[0] ?? []),
      );
      expect(stopped).toBe(true);
      expect(rules.length).toBeGreaterThan(1);
      for (const { id, remediation } of rules) {
        expect(text).toContain(`${id}:`);
        expect(text).toContain(remediation);
        expect(text).toContain(`docs/rules/${id}.md`);
        expect(existsSync(join(root, "docs/rules", `${id}.md`)), id).toBe(true);
      }
      expect(text).toContain("[mandatory]");
    },
  );

  it("that breaks nothing passes without a word", async () => {
    const good = packRules
      .flatMap(({ good: [first] }) => first ?? [])
      .map((one, index) => renamed(one, index));
    const { stopped, text } = await preview("good", good);
    expect(text).not.toMatch(/PR\d{3}/);
    expect(stopped).toBe(false);
    expect(text).toMatch(/portreeve/);
  });

  it("with a warning passes, and the warning is told", async () => {
    const entry = packRules.find(({ id }) => id === "PR223");
    const { stopped, text } = await preview("warned", entry?.bad[0] ?? []);
    expect(stopped).toBe(false);
    expect(text).toMatch(/\[advisory\].*PR223/);
  });

  it("passes with a waiver for the breach, and is stopped when the waiver has ended", async () => {
    const rule = packRules.find(({ id }) => id === "PR501");
    const [resource] = rule?.bad[0] ?? [];
    const config = (expires: string) => {
      const path = join(environment.dir, `waiver-${expires}.json`);
      const waiver = { resource: `${resource?.type}::r0`, owner: "sre", reason: "moving", expires };
      writeFileSync(path, JSON.stringify({ PR501: { waivers: [waiver] } }));
      return path;
    };
    const bad = rule?.bad[0] ?? [];
    expect(await preview("waived", bad, [pack], [config("2099-01-01")])).toMatchObject({ stopped: false });
    const ended = await preview("waived", bad, [pack], [config("2020-01-01")]);
    expect(ended.stopped).toBe(true);
    expect(ended.text).toContain("PR501");
  });

  it("is held to the same rules when the pack is loaded from its folder, as built", async () => {
    const { stopped, text } = await preview("folder", worst[0]?.bad[0] ?? [], [installed]);
    expect(stopped).toBe(true);
    expect(text).toContain(`${worst[0]?.id}:`);
  });

  it("of objects whose fields are only known later is not failed for them", async () => {
    const { stack } = await environment.inline("later", async () => {
      const provider = new k8s.Provider("kubernetes", {
        renderYamlToDirectory: join(environment.dir, "out"),
      });
      const role = new Sample("aws:iam/role:Role", "role", { assumeRolePolicy: "{}" });
      new k8s.apiextensions.CustomResource(
        "entry",
        {
          apiVersion: "networking.istio.io/v1",
          kind: "ServiceEntry",
          metadata: { name: "db", namespace: "shop" },
          spec: {
            hosts: [role.id],
            ports: [{ number: 5432, name: "tcp", protocol: "TCP" }],
            resolution: "DNS",
          },
        },
        { provider },
      );
    });
    const { stdout } = await stack.preview({ policyPacks: [pack] });
    expect(stdout).not.toContain("[mandatory]");
  });
});

describe("the orders example", () => {
  it("passes the pack without a mandatory breach", async () => {
    const workspace = makeWorkspace(environment.dir);
    const { stack, config } = await environment.folder(workspace.dir);
    await config({
      "portreeve-orders:policies": workspace.policies,
      "portreeve-orders:renderDir": workspace.rendered,
    });
    // Its database without TLS has a Waiver in the policies; the pack is told of it by those who run the pack.
    const accepted = join(root, "examples/orders/policy-pack.json");
    const { stdout } = await stack.preview({ policyPacks: [pack], policyPackConfigs: [accepted] });
    expect(stdout).toMatch(/AuthorizationPolicy/);
    expect(stdout).not.toContain("[mandatory]");
    await expect(stack.preview({ policyPacks: [pack] })).rejects.toThrow(/\[mandatory\].*PR501/);
  });
});

/** Two examples may have one name; two objects of a stack may not claim the same host either. */
function renamed(one: Resource, index: number): Resource {
  const text = JSON.stringify(one.props).replaceAll(".example.com", `-${index}.example.com`);
  return { ...one, props: JSON.parse(text) };
}
