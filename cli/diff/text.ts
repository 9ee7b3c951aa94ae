import { type FoldedChange, foldChanges } from "../../policy/diff/fold.ts";
import { formatCause } from "../../policy/diff/index.ts";
import { SIGNS, VERBS } from "../../policy/diff/tables.ts";
import { bold, colored } from "../format/color.ts";
import { type Report, summary } from "./report.ts";

const COLORS = { gained: "warning", lost: "info", changed: "error" } as const;

/** The report for a terminal: a line for each change, and below it why, who owns the service, and what carries it. */
export function diffText(report: Report, color: boolean): string {
  const { diff, unacknowledged } = report;
  const lines = [bold(summary(report), color)];
  for (const change of foldChanges(diff.changes)) lines.push("", ...changeLines(change, color));
  if (diff.notes.length > 0) lines.push("", ...diff.notes.map((note) => `note: ${note}`));
  if (unacknowledged && unacknowledged.length > 0) {
    lines.push("", bold("Not acknowledged:", color));
    for (const { who, to, ports, because } of foldChanges(unacknowledged)) {
      const objects = [...new Set(because.map(({ object }) => object))].join(", ");
      lines.push(`  ${who} → ${to}${portText(to, ports)} (${objects})`);
    }
    lines.push("  write `portreeve.dev/ack: <reason>` into the grant's annotations, or");
    lines.push("  `Portreeve-Ack: <grant>` as a trailer of HEAD's commit message");
  }
  return `${lines.join("\n")}\n`;
}

function changeLines(folded: FoldedChange, color: boolean): string[] {
  const { change, who, to, ports, conditions, risks, because, owner, targets } = folded;
  const head = `${SIGNS[change]} ${who} ${VERBS[change]} ${to}${portText(to, ports)}${conditions}`;
  return [
    colored(COLORS[change], head, color),
    ...(risks.length > 0 ? [`    look: ${risks.join(", ")}`] : []),
    ...because.map((cause) => `    because: ${formatCause(cause)}`),
    ...(targets.length > 0 ? [`    carried by: ${targets.join(", ")}`] : []),
    ...(owner === undefined ? [] : [`    owner: ${owner}`]),
  ];
}

/** The ports, where the name does not have them. */
export function portText(to: string, ports: string): string {
  if (/^\d/.test(ports)) return to.endsWith(`:${ports}`) ? "" : `:${ports}`;
  return ports === "all" ? "" : ` (${ports})`;
}
