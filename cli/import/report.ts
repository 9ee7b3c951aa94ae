import { compareText, formatPosition } from "../../policy/finding.ts";
import type { Difference, ImportResult, NoEqual } from "../../policy/import/index.ts";
import { bold, colored } from "../format/color.ts";

/** What a person has to read before the documents: what was taken for granted, what has no equal, what would change. */
export function reportText(result: ImportResult, color: boolean): string {
  const { notes, noEqual, differences } = result;
  return [
    section("taken for granted", notes, color),
    section("no equal", [...noEqual].sort(bySubject).map(noEqualText), color),
    section(
      "differences",
      [...differences].sort(wideFirst).map((each) => differenceText(each, color)),
      color,
    ),
  ].join("");
}

function section(title: string, lines: readonly string[], color: boolean): string {
  if (lines.length === 0) return "";
  return `${bold(`${title}:`, color)}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function noEqualText({ subject, message, position }: NoEqual): string {
  return `${subject}: ${message}${position ? `\n    at ${formatPosition(position)}` : ""}`;
}

function differenceText(difference: Difference, color: boolean): string {
  const { change, service, port, callers, by, position } = difference;
  const [before, after] = change === "wider" ? ["denied", "allowed"] : ["allowed", "denied"];
  const word = colored(change === "wider" ? "error" : "warning", change, color);
  const where = position ? `\n    at ${formatPosition(position)}` : "";
  return `${word}: ${service}:${port} from ${callers.join("; ")}: today ${before} (${by}), imported ${after}${where}`;
}

function bySubject(a: NoEqual, b: NoEqual): number {
  return compareText(a.subject, b.subject) || compareText(a.message, b.message);
}

function wideFirst(a: Difference, b: Difference): number {
  return (
    Number(b.change === "wider") - Number(a.change === "wider") ||
    compareText(a.service, b.service) ||
    a.port - b.port ||
    compareText(a.by, b.by)
  );
}
