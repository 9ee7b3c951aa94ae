import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileIstio } from "../../policy/compile/istio/index.ts";
import type { Finding } from "../../policy/finding.ts";
import { loadModel } from "../../policy/load/index.ts";
import { DIVERGENCES } from "./fixtures.ts";

function findings(name: string): Finding[] {
  const text = readFileSync(join(import.meta.dirname, `${name}.yaml`), "utf8");
  const model = loadModel({ texts: [{ name: `${name}.yaml`, text }] });
  return model.trust.spec.clusters.flatMap((cluster) => compileIstio({ model, cluster }).findings);
}

describe.each(DIVERGENCES)("$name", ({ name, rule, severity, outcomes }) => {
  const found = findings(name);

  test(`${rule} names both outcomes, the object and its place`, () => {
    const [finding] = found.filter((one) => one.rule === rule);
    expect(finding).toMatchObject({ severity });
    for (const outcome of outcomes) expect(finding?.message).toMatch(outcome);
    expect(finding?.position).toMatchObject({ file: `${name}.yaml` });
    expect(finding?.fix).toBeTruthy();
  });

  test("nothing else is wrong with it, so it is this that stops the deployment", () => {
    expect(found.filter((one) => one.rule !== rule && one.severity === "error")).toEqual([]);
  });
});

test("every fixture is listed", () => {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
  expect(files.sort()).toEqual(DIVERGENCES.map(({ name }) => `${name}.yaml`).sort());
});
