import { columns } from "../format/columns.ts";
import { printable } from "./printable.ts";

/** A cell as DuckDB gives it for JSON. */
export type Cell = unknown;
export type Row = Readonly<Record<string, Cell>>;

/** As text of one line; nothing for what is not there. */
function show(cell: Cell): string {
  if (cell === null || cell === undefined) return "";
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell);
}

export function tableOf(names: readonly string[], rows: readonly Row[]): string {
  const lines = columns([
    names,
    ...rows.map((row) => names.map((name) => printable(show(row[name]) || "-"))),
  ]);
  return `${lines.join("\n")}\n`;
}

/** RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front: records hold what clients say. */
export function csvOf(names: readonly string[], rows: readonly Row[]): string {
  const cell = (value: Cell): string => {
    const text = show(value);
    const safe = typeof value !== "number" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((line) => `${line.map(cell).join(",")}\r\n`)
    .join("");
}

/** One JSON object a line. */
export function jsonOf(names: readonly string[], rows: readonly Row[]): string {
  return rows
    .map((row) => `${JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name]])))}\n`)
    .join("");
}
