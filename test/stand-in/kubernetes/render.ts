/** The provider's `renderYamlToDirectory`: one file an object, with the real provider's names. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { type Props, textAt } from "../provider/values.ts";

function fileOf(folder: string, object: Props): string {
  const kind = textAt(object, "kind") ?? "";
  const apiVersion = (textAt(object, "apiVersion") ?? "").replaceAll(/[/:]/g, "_");
  const namespace = textAt(object, "metadata", "namespace") ?? "default";
  const name = (textAt(object, "metadata", "name") ?? "").replaceAll(/[/:]/g, "_");
  const group = kind === "CustomResourceDefinition" ? "0-crd" : "1-manifest";
  return join(folder, group, `${apiVersion}-${kind.toLowerCase()}-${namespace}-${name}.yaml`);
}

export function write(folder: string, object: Props): void {
  const file = fileOf(folder, object);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stringify(object, { lineWidth: 0 }));
}

export function remove(folder: string, object: Props): void {
  rmSync(fileOf(folder, object), { force: true });
}
