import { rulesPage } from "../../policy/lint/reference.ts";
import { KINDS } from "../../policy/schema/index.ts";
import { referencePage } from "../../policy/schema/reference.ts";

/** The pages of `docs/reference/`, by name. */
export function generatedReference(): Map<string, string> {
  return new Map([
    ...KINDS.map((kind): [string, string] => [`${kind.toLowerCase()}.md`, referencePage(kind)]),
    ["rules.md", rulesPage()],
  ]);
}
