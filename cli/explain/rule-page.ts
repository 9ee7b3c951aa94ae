import { readFileSync } from "node:fs";
import { CliError } from "../exit.ts";

/** Whether this word is the id of a rule, such as PR431. */
export function isRuleId(word: string): boolean {
  return /^PR\d{3}$/i.test(word);
}

/** What docs/rules says of a rule: why, bad, good, waiver. @throws CliError when there is no such rule */
export function rulePage(word: string): string {
  const id = word.toUpperCase();
  // Beside cli/ in the sources, above dist/ in the package.
  for (const up of ["../../docs/rules/", "../../../docs/rules/"]) {
    try {
      const text = readFileSync(new URL(`${up}${id}.md`, import.meta.url), "utf8");
      return text
        .replace(/^<!--.*-->\n/, "")
        .replace(/\n\[All rules\]\(README\.md\)\n$/, "")
        .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  throw new CliError(`explain: there is no rule ${id}; docs/rules/README.md in this package lists them`);
}
