/** The versions that docs/upgrading.md calls tested are those that the tests pin. Of databases, which are the distribution's, it says nothing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type PartName, recipes } from "../toolchain/recipes/index.ts";
import { ROOT, read } from "./markdown.ts";

const PARTS: Readonly<Record<string, PartName>> = {
  Istio: "istiod",
  "Istio's CRDs": "istio-crds",
  Envoy: "envoy",
  Kubernetes: "kube-apiserver",
  "Pulumi CLI": "pulumi",
  rustls: "rustls",
  Keycloak: "keycloak",
};

test("the table of versions names those of the parts", () => {
  const page = read("docs/upgrading.md");
  const table = new Map(
    page
      .slice(page.indexOf("## What was tested"))
      .split("\n")
      .flatMap((line) => {
        const [, name, version] = line.split("|").map((cell) => cell.trim());
        return name && version && /^\d/.test(version) ? [[name, version] as const] : [];
      }),
  );
  const toolchain: unknown = JSON.parse(readFileSync(join(ROOT, "test/toolchain/package.json"), "utf8"));
  expect(toolchain).toMatchObject({ optionalDependencies: { "@oven/bun-linux-x64": table.get("Bun") } });
  table.delete("Bun");
  expect([...table.keys()].sort()).toEqual(Object.keys(PARTS).sort());
  for (const [name, version] of table) {
    const part = PARTS[name];
    expect(part && recipes[part].version, name).toMatch(
      new RegExp(`^${version.replaceAll(".", "\\.")}(\\.|$)`),
    );
  }
});

test("the part rustls is the version that its lock file names", () => {
  const locked = readFileSync(join(ROOT, "proxy-image/rustls/Cargo.lock"), "utf8");
  expect(locked).toContain(`name = "rustls"\nversion = "${recipes.rustls.version}"\n`);
});
