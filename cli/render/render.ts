import { compileAll } from "../../policy/compile/index.ts";
import { type Finding, PolicyError } from "../../policy/finding.ts";
import { lint } from "../../policy/lint/index.ts";
import { loadPolicySet } from "../../policy/load/index.ts";
import { chooseCluster } from "../cluster.ts";
import { CliError } from "../exit.ts";
import { renderFiles } from "./files.ts";
import { writeFolder } from "./folder.ts";
import { refValues } from "./values.ts";

export interface RenderOptions {
  readonly out: string;
  /** @default every cluster */
  readonly cluster?: string;
  /** `name=value`. */
  readonly ref: readonly string[];
  readonly allowRefs?: boolean;
}

/** What was done. */
export interface Rendered {
  readonly clusters: readonly string[];
  readonly files: number;
  readonly removed: readonly string[];
  readonly missing: readonly string[];
  /** Findings that do not stand against deploying. */
  readonly findings: readonly Finding[];
}

/**
 * Writes what policies become, a folder for each cluster. Nothing is written when a guardrail or compiler finds an error.
 *
 * @param now - epoch milliseconds: a waiver that has expired stops this as it stops a deployment
 */
export function renderPolicies(paths: readonly string[], options: RenderOptions, now: number): Rendered {
  const values = refValues(options.ref);
  const { model, documents } = loadPolicySet({ paths });
  const clusters =
    options.cluster === undefined ? model.trust.spec.clusters : [chooseCluster(model, options.cluster)];
  const compiled = clusters.map((cluster) => ({ cluster, all: compileAll({ model, cluster }) }));
  const findings = lint(model, {
    now,
    sources: documents,
    compiled: compiled.flatMap(({ all }) => all.findings),
  });
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  const missing = new Set<string>();
  const files = new Map<string, string>();
  for (const { cluster, all } of compiled) {
    for (const [name, text] of renderFiles(all, values, missing)) files.set(`${cluster.name}/${name}`, text);
  }
  if (missing.size > 0 && options.allowRefs !== true) {
    const names = [...missing].sort();
    throw new CliError(
      `no value for ${names.map((name) => `\${ref:${name}}`).join(", ")}: give ${names.map((name) => `--ref ${name}=…`).join(" ")}, or --allow-refs to leave them in`,
    );
  }
  const { removed } = writeFolder(options.out, files, model.digest);
  return {
    clusters: clusters.map(({ name }) => name),
    files: files.size,
    removed,
    missing: [...missing].sort(),
    findings,
  };
}
