/** The orders example as it is, run inline (see preview.parts.test.ts for why): its preview tells the access change by itself. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openPulumi, type PulumiEnvironment } from "../cluster/pulumi.ts";

const root = join(import.meta.dirname, "../..");
let env: PulumiEnvironment;
beforeAll(async () => {
  env = await openPulumi();
});
afterAll(() => env?.close());

it("tells that the worker gains the cache", async () => {
  const policies = join(env.dir, "policies");
  cpSync(join(root, "examples/orders/policies"), policies, { recursive: true });
  const program = join(root, "examples/orders/index.ts");
  let nth = 0;
  const stack = await env.inline("portreeve-orders", async () => {
    // The program is a module, and every run needs it anew.
    await import(/* @vite-ignore */ `${program}?run=${++nth}`);
  });
  await stack.config({
    "portreeve-orders:policies": policies,
    "portreeve-orders:renderDir": join(env.dir, "rendered"),
  });
  await stack.up();
  const file = join(policies, "grants.yaml");
  const text = readFileSync(file, "utf8");
  const from = "{ name: api-cache }\nspec:\n  from: { workloads: [shop/api] }";
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, from.replace("[shop/api]", "[shop/api, shop/worker]")));
  const { stdout } = await stack.stack.preview();
  expect(stdout).toMatch(
    /portreeve:index:AccessPlane \(shop\):[\s\S]*access: 1 gained; 1 let somebody reach more\n\s*\+ shop\/worker gains cache:6379 via proxy \(.*grants\.yaml:\d+:1 Grant\/api-cache changed\)/,
  );
});
