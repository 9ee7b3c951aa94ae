import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** The folder of the package: the nearest one above with a package.json of its own name, from sources or from `dist/`. */
export function packageRoot(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "PulumiPlugin.yaml"))) return folder;
    if (folder === dirname(folder))
      throw new Error("portreeve is not installed as a package: PulumiPlugin.yaml is missing");
  }
}

/**
 * Where a rule is explained: its page in the package, which has the version that found the breach. PORTREEVE_RULES_URL
 * replaces the folder, for logs that are read on another machine than the one that wrote them.
 */
export function rulePage(
  id: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const base = env.PORTREEVE_RULES_URL?.replace(/\/$/, "");
  return base ? `${base}/${id}.md` : pathToFileURL(join(packageRoot(), "docs/rules", `${id}.md`)).href;
}
