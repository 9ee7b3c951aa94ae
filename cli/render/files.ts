import { createHash } from "node:crypto";
import { stringify } from "yaml";
import type { CompiledAll } from "../../policy/compile/index.ts";
import { compareText } from "../../policy/finding.ts";
import { type RefValues, withValues } from "./values.ts";

/** Contents of files by path within the folder, sorted by path. */
export type RenderedFiles = ReadonlyMap<string, string>;

/**
 * The files of one cluster: `istio/` and `kubernetes/` hold one object a file as YAML, with a kustomization.yaml that lists
 * them; `aws/` one object a file, and `proxy/` one configuration a shard, as JSON.
 *
 * @param missing - gets the names of references without a value
 */
export function renderFiles(compiled: CompiledAll, values: RefValues, missing: Set<string>): RenderedFiles {
  const files = new Map<string, string>();
  const add = (
    folder: string,
    key: string,
    extension: string,
    text: (data: unknown) => string,
    object: unknown,
  ) => {
    files.set(
      `${folder}/${uniqueName(files, folder, key, extension)}`,
      text(withValues(object, values, missing)),
    );
  };
  for (const { key, object } of compiled.istio.targets) add("istio", key, "yaml", yamlText, object);
  for (const { key, object } of compiled.kubernetes.targets) add("kubernetes", key, "yaml", yamlText, object);
  const resources = [...files.keys()].sort(compareText);
  for (const { key, object } of compiled.aws.targets) add("aws", key, "json", jsonText, object);
  for (const { key, object } of compiled.proxy.targets) add("proxy", key, "json", jsonText, object.config);
  files.set(
    "kustomization.yaml",
    yamlText({ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources }),
  );
  return new Map([...files].sort(([a], [b]) => compareText(a, b)));
}

/** kubectl reads YAML 1.1, where `no`, `on` and 0777 are not what they are in 1.2: such text is put in quotes. */
function yamlText(data: unknown): string {
  return stringify(data, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });
}

function jsonText(data: unknown): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}

/** A file name for a target's key; one that another has already (also where case is ignored) or that is too long gets a hash. */
function uniqueName(
  files: ReadonlyMap<string, string>,
  folder: string,
  key: string,
  extension: string,
): string {
  const plain = key
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/^[.-]+|[.-]+$/g, "");
  const name = `${plain}.${extension}`;
  if (plain !== "" && plain.length <= 200 && !files.has(`${folder}/${name}`)) return name;
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 8);
  return `${plain.slice(0, 200)}-${hash}.${extension}`;
}
