import type { Finding } from "../../finding.ts";
import { meshObjectRules } from "../../lint/elsewhere/mesh-objects.ts";
import type { Path, World } from "./world.ts";

/** A finding of one of the rules about objects of a mesh, at the place where `path` is written. */
export function finding(
  world: World,
  rule: string,
  path: Path,
  object: string,
  message: string,
  fix: string,
): Finding {
  const info = meshObjectRules.find(({ id }) => id === rule);
  if (info === undefined) throw new Error(`no rule ${rule}`);
  const position = world.locate(path);
  const { severity } = info;
  return { rule, severity, message, fix, object: object.replace(" ", "/"), ...(position && { position }) };
}

/** `a, b, c and 4 more`. */
export function listed(names: Iterable<string>): string {
  const all = [...new Set(names)].sort();
  const shown = all.length > 4 ? all.slice(0, 3) : all;
  return `${shown.join(", ")}${all.length > shown.length ? ` and ${all.length - shown.length} more` : ""}`;
}
