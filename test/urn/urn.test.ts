/**
 * The names of every resource of every example, kept as a snapshot: a renamed child without an alias would be deleted and
 * made anew in a user's next `up`. A change here is a breaking change.
 */
import { expect, it } from "vitest";
import { configOf, EXAMPLE_CONFIG } from "../aws/example-config.ts";
import { previewed } from "../mocks/engine.ts";

const aws = { "test:aws": "emulated", "test:awsEndpoint": "http://127.0.0.1:1" };
const examples: Readonly<
  Record<string, { program: () => Promise<unknown>; config?: Record<string, string> }>
> = {
  minimal: { program: () => import("../../examples/minimal/index.ts") },
  single: { program: () => import("../../examples/single/index.ts") },
  orders: { program: () => import("../../examples/orders/index.ts"), config: aws },
  eks: { program: () => import("../../examples/eks/index.ts"), config: configOf("test", EXAMPLE_CONFIG.eks) },
  irsa: {
    program: () => import("../../examples/irsa/index.ts"),
    config: configOf("test", EXAMPLE_CONFIG.irsa),
  },
  "roles-anywhere": {
    program: () => import("../../examples/roles-anywhere/index.ts"),
    config: configOf("test", EXAMPLE_CONFIG["roles-anywhere"]),
  },
};

it.each(Object.keys(examples))(
  "the resources of examples/%s keep their names, types and parents",
  async (name) => {
    const example = examples[name];
    const resources = await previewed(async () => example?.program(), example?.config);
    const lines = resources.map(
      (resource) => `${resource.type}  ${resource.name}  < ${resource.parent || "stack"}`,
    );
    expect(lines.length).toBeGreaterThan(4);
    expect(new Set(lines).size).toBe(lines.length);
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`./${name}.snap.txt`);
  },
);
