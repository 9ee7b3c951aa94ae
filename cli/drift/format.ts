import type { Drift, DriftRow } from "../../policy/drift/index.ts";

export const DRIFT_FORMATS = ["text", "json"] as const;
export type DriftFormat = (typeof DRIFT_FORMATS)[number];

/** The names of the two sides. */
export type Names = readonly [string, string];

/**
 * For programs: `{"version":1,"sides":[a,b],"digests":[[…],[…]],"rows":[{"layer","from","to","a","b","because"}],"notes"}`.
 * `version` changes when a field changes its meaning or goes; fields may be added.
 */
export function formatDrift({ rows, digests, notes }: Drift, names: Names, format: DriftFormat): string {
  switch (format) {
    case "json":
      return `${JSON.stringify({ version: 1, sides: names, digests, rows, notes }, null, 2)}\n`;
    case "text": {
      const [a, b] = names;
      // Rows that differ in nothing but who are told together.
      const alike = Map.groupBy(rows, ({ from: _, ...rest }) => JSON.stringify(rest));
      const lines = [...alike.values()].flatMap((group) => {
        const [{ layer, to, because, ...open } = NOBODY] = group;
        return [
          `${who(group)} → ${to} (${layer})`,
          `    ${a}: ${open.a || "nothing"}`,
          `    ${b}: ${open.b || "nothing"}`,
          ...(because.length > 0 ? [`    because of ${because.join(", ")}`] : []),
        ];
      });
      const told = notes.map((note) => `note: ${note}`);
      const policies = digests.map((of) => of.join(", ") || "unknown");
      const sets =
        policies[0] === policies[1]
          ? `policy set ${policies[0]}`
          : `policy sets ${policies[0]} and ${policies[1]}`;
      const summary = rows.length === 0 ? "no difference in access" : `${rows.length} differences in access`;
      return `${[...lines, ...told, `${summary}; ${sets}`].join("\n")}\n`;
    }
  }
}

const NOBODY: DriftRow = { layer: "mesh", from: "", to: "", a: "", b: "", because: [] };

const SHOWN = 4;

function who(rows: readonly DriftRow[]): string {
  const rest = rows.length - SHOWN;
  const names = rows.map(({ from }) => from);
  return rest > 1 ? `${names.slice(0, SHOWN).join(", ")} and ${rest} more` : names.join(", ");
}
