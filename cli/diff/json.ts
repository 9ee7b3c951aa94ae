import { type AccessChange, formatCause } from "../../policy/diff/index.ts";
import type { Report } from "./report.ts";

/** The report for programs; its fields are documented in docs/diff.md. */
export function diffJson({ base, head, diff, unacknowledged }: Report): string {
  const document = {
    version: 1,
    accessChanged: diff.changes.length > 0,
    base,
    head,
    changes: diff.changes.map(changeJson),
    objects: diff.objects.map(formatCause),
    notes: diff.notes,
    ...(unacknowledged && { unacknowledged: unacknowledged.map(changeJson) }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function changeJson(change: AccessChange): Record<string, unknown> {
  const { because, owner, ...rest } = change;
  return { ...rest, owner: owner ?? null, because: because.map(formatCause) };
}
