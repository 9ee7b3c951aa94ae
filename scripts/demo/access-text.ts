import type { AccessRow } from "../../policy/model/types.ts";

/** The access table as aligned text. */
export function accessText(rows: readonly AccessRow[]): string {
  const table = rows.map((row) => [
    row.action === "deny" ? `${row.from} ✗` : row.from,
    `${row.service}:${row.port}`,
    row.point,
    row.grant,
    row.conditions.join("; "),
  ]);
  const all = [["FROM", "TO", "ENFORCED BY", "GRANT", "CONDITIONS"], ...table];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  return all
    .map(
      (cells) =>
        `  ${cells
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}`,
    )
    .join("\n");
}
