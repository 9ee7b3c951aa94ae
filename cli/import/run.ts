import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileAll } from "../../policy/compile/index.ts";
import { type Finding, PolicyError } from "../../policy/finding.ts";
import {
  type Difference,
  type ImportOptions,
  type ImportResult,
  importObjects,
} from "../../policy/import/index.ts";
import { lint } from "../../policy/lint/index.ts";
import { loadPolicySet } from "../../policy/load/index.ts";
import { CliError } from "../exit.ts";
import { makeFolder } from "../io/make-folder.ts";
import { readManifests } from "../io/manifests.ts";
import { documentFiles } from "./documents.ts";

/** Which differences to today a person has accepted. */
export type Accepted = "none" | "narrower" | "all";

export interface ImportRun {
  readonly result: ImportResult;
  readonly files: ReadonlyMap<string, string>;
  /** What lint says of the documents. */
  readonly findings: readonly Finding[];
  /** Differences that nobody accepted: nothing may be written. */
  readonly refused: boolean;
}

/**
 * Imports a folder, and reads the documents back as a user's `lint` would.
 *
 * @param now - epoch milliseconds, for lint
 * @throws PolicyError when an object cannot be read.
 */
export function importFolder(
  path: string,
  options: ImportOptions,
  accepted: Accepted,
  now: number,
): ImportRun {
  const manifests = readManifests([path]);
  const errors = manifests.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  if (manifests.objects.length === 0)
    throw new CliError(
      `${path}: no Kubernetes or Istio objects found in its YAML and JSON files; name a folder of manifests, e.g. the output of kubectl get -o yaml`,
    );
  const result = importObjects(manifests, options);
  const files = documentFiles(result.documents);
  const texts = [...files].map(([name, text]) => ({ name, text }));
  const { model, documents } = loadPolicySet({ texts });
  const compiled = model.trust.spec.clusters.flatMap((cluster) => compileAll({ model, cluster }).findings);
  return {
    result,
    files,
    findings: lint(model, { now, sources: documents, compiled }),
    refused: result.differences.some(({ change }) => !accepts(accepted, change)),
  };
}

function accepts(accepted: Accepted, change: Difference["change"]): boolean {
  switch (accepted) {
    case "none":
      return false;
    case "narrower":
      return change === "narrower";
    case "all":
      return true;
  }
}

/**
 * Writes the files into a folder that is absent or empty.
 * @throws CliError when it holds something: what a person has edited since is never overwritten.
 */
export function writeDocuments(folder: string, files: ReadonlyMap<string, string>): void {
  try {
    if (existsSync(folder)) {
      if (!statSync(folder).isDirectory()) throw new CliError(`${folder} is not a folder`);
      if (readdirSync(folder).length > 0)
        throw new CliError(`${folder} holds files already: choose an empty folder, or remove them`);
    }
    makeFolder(folder);
    for (const [name, text] of files) writeFileSync(join(folder, name), text, { flag: "wx" });
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(`cannot write ${folder}: ${reason}`, undefined, { cause });
  }
}
