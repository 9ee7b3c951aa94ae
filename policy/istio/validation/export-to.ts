import { isDnsLabel } from "./labels.ts";
import { items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

/** What `exportTo` belongs to: a ServiceEntry may say `~`, a DestinationRule with a selector stays at home. */
export type Exported = "service-entry" | "selected-destination-rule" | "other";

/** Checks an `exportTo` list in an object of this namespace. */
export function checkExportTo(exportTo: Node, namespace: string, of: Exported, report: Report): void {
  const values = items(exportTo);
  const seen = new Set<string>();
  for (const entry of values) {
    const value = text(entry);
    const key = value === "." ? namespace : value;
    if (seen.has(key)) {
      report.error(
        entry,
        key === value
          ? `${JSON.stringify(value)} is listed twice`
          : `"." and ${namespace} are the same namespace`,
      );
    } else if ((value === "~" && of === "service-entry") || visibilityProblem(key) === undefined) {
      seen.add(key);
    } else {
      report.check(entry, visibilityProblem(key));
    }
  }
  if (of === "selected-destination-rule" && seen.size > 0 && (seen.size > 1 || !seen.has(namespace))) {
    report.error(
      exportTo,
      "a DestinationRule with a workloadSelector may be exported to its own namespace only",
    );
  }
  if (values.length > 1 && seen.has("*"))
    report.error(exportTo, '"*" exports to everyone; remove the other entries');
  if (values.length > 1 && seen.has("~"))
    report.error(exportTo, '"~" exports to no one; it cannot be combined');
}

function visibilityProblem(value: string): string | undefined {
  if (value === "." || value === "*") return undefined;
  if (value === "~") return '"~" is allowed in a ServiceEntry only';
  return isDnsLabel(value) ? undefined : `${JSON.stringify(value)} is not ".", "*" or a namespace`;
}
