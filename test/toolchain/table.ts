/** The plan as text: one line a part. */
import { format } from "./duration.ts";
import type { Planned } from "./parts.ts";

function stateText(planned: Planned): string {
  switch (planned.state.kind) {
    case "there":
      return planned.state.part.from === "machine" ? planned.state.part.path : "there";
    case "to make":
      return `to make, about ${format(planned.seconds)}`;
    case "not to be had":
      return `NOT TO BE HAD: ${planned.state.why}`;
  }
}

function size(bytes: number): string {
  return bytes === 0 ? "" : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
}

export function table(plan: readonly Planned[]): string {
  const rows = [
    ["part", "version", "size", "source", "state"],
    ...plan.map((p) => [p.name, p.version, size(p.bytes), p.source, stateText(p)]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One line: how much is there, and what the rest costs. */
export function summary(plan: readonly Planned[]): string {
  const there = plan.filter((p) => p.state.kind === "there").length;
  const make = plan.filter((p) => p.state.kind === "to make");
  const missing = plan.filter((p) => p.state.kind === "not to be had");
  const lines = [`${there} of ${plan.length} parts are there`];
  if (make.length > 0) {
    const seconds = make.reduce((sum, p) => sum + p.seconds, 0);
    lines.push(
      `${make.length} to make, about ${format(seconds)} on two cores: ${make.map((p) => p.name).join(", ")}`,
    );
  }
  if (missing.length > 0)
    lines.push(`${missing.length} not to be had here: ${missing.map((p) => p.name).join(", ")}`);
  return lines.join("; ");
}
