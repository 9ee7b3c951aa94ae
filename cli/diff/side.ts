import { existsSync, readFileSync, statSync } from "node:fs";
import { type AccessSide, type ClusterSide, readClusterSide, sideOfModel } from "../../policy/diff/index.ts";
import { PolicyError } from "../../policy/finding.ts";
import { MAX_FILE_BYTES, type PolicyFile, readPolicyFiles } from "../../policy/load/files.ts";
import { loadPolicySet, type Sourced } from "../../policy/load/index.ts";
import { liveObjects } from "../drift/live.ts";
import { CliError } from "../exit.ts";
import { parseManifests } from "../io/manifests.ts";
import type { FolderOptions } from "../reach/folder.ts";
import { parseGitSide, readGitSide } from "./git.ts";
import { parseLiveSide } from "./live.ts";
import { readPulumi } from "./pulumi.ts";

/** What BASE or HEAD is. */
export type Side =
  | { readonly type: "policies"; readonly access: AccessSide; readonly documents: readonly Sourced[] }
  | { readonly type: "cluster"; readonly cluster: ClusterSide; readonly live: boolean };

/**
 * Reads BASE or HEAD: a file or folder, `REF:PATH` of git, JSON of Pulumi, or a running cluster. What it is, its content tells.
 *
 * @throws CliError or PolicyError when it cannot be read
 */
export function readSide(name: string, options: FolderOptions): Side {
  const running = existsSync(name) ? undefined : parseLiveSide(name);
  if (running) {
    const objects = liveObjects(running);
    return { type: "cluster", cluster: readClusterSide(objects, undefined, options), live: true };
  }
  const files = readFiles(name);
  const [only, ...more] = files;
  if (only && more.length === 0) {
    const stack = pulumiSide(only, options);
    if (stack) return stack;
  }
  const ours = files.filter(({ text }) => isPolicy(text));
  if (ours.length === 0) {
    const manifests = parseManifests(files);
    if (manifests.findings.length > 0) throw new PolicyError(manifests.findings);
    if (manifests.objects.length === 0) {
      throw new CliError(
        `${name} holds neither Portreeve policies (apiVersion: portreeve.dev/v1) nor Kubernetes objects`,
      );
    }
    return {
      type: "cluster",
      cluster: readClusterSide(manifests.objects, (path) => manifests.positionOf(path), options),
      live: false,
    };
  }
  const { model, documents } = loadPolicySet({ texts: files });
  return { type: "policies", access: sideOfModel(model), documents };
}

function readFiles(name: string): readonly PolicyFile[] {
  const git = existsSync(name) ? undefined : parseGitSide(name);
  if (git) return readGitSide(git);
  if (!existsSync(name)) {
    throw new CliError(
      `${name} cannot be read: no such file or folder. A branch or commit is written with a path: ${name}:policies`,
    );
  }
  const stack = readStack(name);
  if (stack) return [stack];
  const { files, findings } = readPolicyFiles([name]);
  if (findings.length > 0) throw new PolicyError(findings);
  return files;
}

/** A stack's state may be far larger than any policy file; it is JSON, which is read fast. */
const MAX_STACK_BYTES = 512 * 1024 * 1024;

/** A file of JSON that is too large for policies; undefined for anything else. */
function readStack(name: string): PolicyFile | undefined {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (!name.endsWith(".json") || !stat?.isFile() || stat.size <= MAX_FILE_BYTES) return undefined;
  if (stat.size > MAX_STACK_BYTES) throw new CliError(`${name} is larger than 512 MiB`);
  return { name, text: readFileSync(name, "utf8") };
}

/** The two cannot be mixed up: nothing else has this version. A comment does not count. */
function isPolicy(text: string): boolean {
  return /^[^#\n]*["']?apiVersion["']?\s*:\s*["']?portreeve\.dev\//m.test(text);
}

function pulumiSide({ name, text }: PolicyFile, options: FolderOptions): Side | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // YAML in flow style also starts with a brace; whoever reads it as YAML says what is wrong.
    return undefined;
  }
  const stack = readPulumi(name, value);
  switch (stack?.type) {
    case undefined:
      return undefined;
    case "tables":
      return { type: "policies", access: { rows: stack.rows, model: undefined }, documents: [] };
    case "objects":
      return { type: "cluster", cluster: readClusterSide(stack.objects, undefined, options), live: false };
  }
}
