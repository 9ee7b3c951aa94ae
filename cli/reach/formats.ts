import type { Access } from "../../policy/reach/index.ts";
import { formatPorts } from "../../policy/sets/ports.ts";

export const FORMATS = ["table", "json", "dot", "mermaid"] as const;
export type Format = (typeof FORMATS)[number];

/** The whole answer as text, ending in a line break. Equal answers give equal text. */
export function render(rows: readonly Access[], format: Format, color: boolean): string {
  switch (format) {
    case "table":
      return table(rows, color);
    case "json":
      return json(rows);
    case "dot":
      return dot(rows);
    case "mermaid":
      return mermaid(rows);
  }
}

const HEADER = ["SOURCE", "DESTINATION", "PORTS", "RESTRICTED BY"];
const SOME_ADDRESSES =
  "* from some addresses only: a policy with ipBlocks decides, and pods' addresses are not known";

function table(rows: readonly Access[], color: boolean): string {
  if (rows.length === 0) return "Nothing can reach anything.\n";
  const cells = rows.map(({ src, dst, ports, restrictedBy, dependsOnAddress }) => [
    src,
    dst,
    portsText({ ports, dependsOnAddress }),
    restrictedBy.join(", ") || "-",
  ]);
  // A loop, as a report may have more rows than a call can have arguments.
  const widths = HEADER.map((title, i) =>
    cells.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), title.length),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  const header = color ? `\u001b[1m${line(HEADER)}\u001b[22m` : line(HEADER);
  const footnote = rows.some(({ dependsOnAddress }) => dependsOnAddress) ? ["", SOME_ADDRESSES] : [];
  return `${[header, ...cells.map(line), ...footnote].join("\n")}\n`;
}

function portsText({ ports, dependsOnAddress }: Pick<Access, "ports" | "dependsOnAddress">): string {
  return formatPorts(ports) + (dependsOnAddress ? " *" : "");
}

function json(rows: readonly Access[]): string {
  const connections = rows.map((row) => ({ ...row, ports: formatPorts(row.ports) }));
  return `${JSON.stringify({ connections }, null, 2)}\n`;
}

/** Every name in the rows, in order of first appearance: their place is their number in a graph. */
function names(rows: readonly Access[]): string[] {
  return [...new Set(rows.flatMap(({ src, dst }) => [src, dst]))];
}

function isOutside(name: string): boolean {
  return name.startsWith("external:");
}

function dot(rows: readonly Access[]): string {
  const quoted = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const nodes = names(rows).map(
    (name) => `  ${quoted(name)} [shape=${isOutside(name) ? "ellipse" : "box"}];`,
  );
  const edges = rows.map((row) => {
    const { src, dst, restrictedBy } = row;
    return `  ${quoted(src)} -> ${quoted(dst)} [label=${quoted(portsText(row))}${restrictedBy.length > 0 ? "" : ", style=dashed"}];`;
  });
  return `${["digraph reach {", "  rankdir=LR;", ...nodes, ...edges, "}"].join("\n")}\n`;
}

function mermaid(rows: readonly Access[]): string {
  const all = names(rows);
  const ids = new Map(all.map((name, i) => [name, `n${i}`]));
  const label = (text: string) => `"${text.replaceAll('"', "#quot;")}"`;
  const nodes = all.map((name) => {
    const id = ids.get(name);
    return isOutside(name) ? `  ${id}([${label(name)}])` : `  ${id}[${label(name)}]`;
  });
  const edges = rows.map((row) => {
    const { src, dst, restrictedBy } = row;
    const arrow = restrictedBy.length > 0 ? "-->" : "-.->";
    return `  ${ids.get(src)} ${arrow}|${label(portsText(row))}| ${ids.get(dst)}`;
  });
  return `${["flowchart LR", ...nodes, ...edges].join("\n")}\n`;
}
