import type { AccessRow } from "../../policy/model/types.ts";
import { bold } from "./color.ts";
import { columns } from "./columns.ts";

const HEADER = ["SERVICE", "ACTION", "WHO", "VIA", "CONDITIONS", "GRANT"];

/** The access table for people: who may, and who must not, reach which port, and where that is enforced. */
export function accessText(rows: readonly AccessRow[], color: boolean): string {
  if (rows.length === 0) return "Nobody may reach anything.\n";
  const cells = rows.map(({ service, port, action, from, point, conditions, grant }) => [
    `${service}:${port}`,
    action,
    from,
    point,
    conditions.join("; ") || "-",
    grant,
  ]);
  const [header = "", ...lines] = columns([HEADER, ...cells]);
  return `${[bold(header, color), ...lines].join("\n")}\n`;
}
