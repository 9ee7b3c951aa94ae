import { existsSync, readFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";

/** In the order in which they need each other. */
const MODULES = ["../../policy/graph/view", "draw", "page/page"] as const;

/**
 * The page's script: the layout library, and the modules that the command uses too, as one text without imports. The
 * modules share one scope, so no name may be in two of them.
 */
export function pageScript(): string {
  return [dagreText(), ...MODULES.map((name) => moduleText(join(import.meta.dirname, name)))].join("\n");
}

function dagreText(): string {
  const main = createRequire(import.meta.url).resolve("@dagrejs/dagre");
  const text = readFileSync(join(dirname(main), "dagre.min.js"), "utf8");
  return text.replace(/^\/\/# sourceMappingURL=.*$/m, "");
}

/**
 * A module without its imports, as it was compiled; in a clone that is not built, with its types taken out.
 *
 * @param path without its ending
 */
export function moduleText(path: string): string {
  const text = existsSync(`${path}.js`)
    ? readFileSync(`${path}.js`, "utf8")
    : stripTypeScriptTypes(readFileSync(`${path}.ts`, "utf8"));
  return text
    .replace(/^import [^;]*;$/gms, "")
    .replace(/^export (?=function|const|class)/gm, "")
    .replace(/^export \{\};?$/gm, "")
    .replace(/^\/\/# sourceMappingURL=.*$/m, "");
}
