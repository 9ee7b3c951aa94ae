import { type Finding, formatPosition, type Severity } from "../../policy/finding.ts";
import { colored } from "./color.ts";

/** How many findings there are of each severity. */
export function countFindings(findings: readonly Finding[]): Record<Severity, number> {
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

/** Findings for people: position, severity and rule, message; the fix below; a line with the counts at the end. */
export function findingsText(findings: readonly Finding[], color: boolean): string {
  const lines = findings.map(({ position, severity, rule, message, fix }) => {
    const where = position ? `${formatPosition(position)}: ` : "";
    const head = `${where}${colored(severity, severity, color)} ${rule}: ${message}`;
    return fix === undefined ? head : `${head}\n    fix: ${fix}`;
  });
  const { error, warning, info } = countFindings(findings);
  const summary =
    findings.length === 0
      ? "no findings"
      : `${plural(error, "error")}, ${plural(warning, "warning")}, ${info} for information`;
  return `${[...lines, summary].join("\n")}\n`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
