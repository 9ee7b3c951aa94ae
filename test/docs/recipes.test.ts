/**
 * The folder of each recipe: it loads, lints without an error, compiles for each of its clusters to objects that Istio and
 * the proxy accept, and gives the answers that its
 * `access.test.yaml` states; its page shows what is in it. The commands of the pages are run by recipes.parts.test.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { lintPolicies } from "../../cli/lint.ts";
import { readCases } from "../../cli/test/files.ts";
import { compileAll } from "../../policy/compile/index.ts";
import { proxyConfigSchema } from "../../policy/compile/proxy/config.ts";
import { validateObject } from "../../policy/istio/validation/index.ts";
import { loadModel } from "../../policy/load/index.ts";
import { runCases } from "../../testing/cases.ts";
import { blocks, ROOT, read } from "./markdown.ts";

/** The recipes are judged at an instant of their own, so that they do not end with their grants. */
const NOW = Date.parse("2027-01-01T00:00:00Z");
const names = readdirSync(join(ROOT, "examples/recipes")).sort();

test("every page has a folder, and every folder a page that the list of recipes names", () => {
  const documented = readdirSync(join(ROOT, "docs/recipes"))
    .filter((file) => file !== "README.md")
    .map((file) => file.replace(/\.md$/, ""));
  expect(documented.sort()).toEqual(names);
  const list = read("docs/recipes/README.md");
  expect(names.filter((name) => !list.includes(`(${name}.md)`))).toEqual([]);
});

describe.each(names)("recipe %s", (name) => {
  const folder = join(ROOT, "examples/recipes", name, "policies");
  const sources = { paths: [folder] };

  test("has no error, and no warning that nobody accepted", () => {
    const bad = lintPolicies(sources, NOW).findings.filter(
      ({ severity, rule }) => severity === "error" || (severity === "warning" && WARNED[name] !== rule),
    );
    expect(bad).toEqual([]);
  });

  test("compiles for each cluster", () => {
    const model = loadModel(sources);
    for (const cluster of model.trust.spec.clusters) {
      const compiled = compileAll({ model, cluster });
      expect(compiled.findings.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(compiled.proxy.targets.length + compiled.istio.targets.length).toBeGreaterThan(0);
      const refused = [...compiled.istio.targets, ...compiled.kubernetes.targets].flatMap(
        ({ key, object }) => {
          if (!/istio|networking/.test(object.apiVersion)) return [];
          const { verdict, reasons } = validateObject(object);
          return verdict === "invalid" ? [{ key, reasons }] : [];
        },
      );
      expect(refused, "what the API server or Istio's webhook would refuse").toEqual([]);
      for (const { object } of compiled.proxy.targets) {
        expect(proxyConfigSchema.safeParse(object.config).error).toBeUndefined();
      }
    }
  });

  test("answers every question as stated, and no grant is untouched", () => {
    const report = runCases(loadModel(sources), readCases([folder]), NOW);
    expect(report.results.flatMap(({ failure }) => failure ?? [])).toEqual([]);
    expect(report.untouched).toEqual([]);
    const answers = readCases([folder]).map((one) => one.case.expect);
    expect(new Set(answers), "who may, and who may not").toEqual(new Set(["allow", "deny"]));
  });

  test("has a page whose policies are those of the folder", () => {
    const inFolder = readdirSync(folder)
      .filter((file) => !file.endsWith(".test.yaml"))
      .flatMap((file) => documents(readFileSync(join(folder, file), "utf8")));
    const shown = blocks(read(`docs/recipes/${name}.md`))
      .filter(({ language, text }) => language === "yaml" && text.includes("apiVersion: portreeve.dev/v1"))
      .flatMap(({ text }) => documents(text));
    for (const document of shown) expect(inFolder).toContainEqual(document);
  });
});

function documents(text: string): unknown[] {
  return parseAllDocuments(text).map((document) => document.toJS() as unknown);
}

/** Imported workloads belong to no group yet: the page says that it is for the review. */
const WARNED: Readonly<Record<string, string>> = { "existing-mesh": "PR301" };
