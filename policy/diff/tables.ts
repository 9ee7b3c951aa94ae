import type { AccessRow } from "../model/types.ts";
import { diffAccess } from "./access/diff.ts";
import { type AccessChange, formatCause } from "./change.ts";
import { foldChanges } from "./fold.ts";

/**
 * The difference in access between two access tables, the most important first; empty when there is none, whatever the
 * grants are called and in whatever order they come.
 *
 * @param now - epoch milliseconds; what was open only before it is no access. @default every instant counts
 * @throws TypeError for a table with a condition that this version does not know
 */
export function diffAccessTables(
  before: readonly AccessRow[],
  after: readonly AccessRow[],
  now: number = EVER,
): AccessChange[] {
  const side = (rows: readonly AccessRow[]) => ({ rows, model: undefined });
  return [...diffAccess(side(before), side(after), { now }).changes];
}

/** Before every instant that a grant can name. */
const EVER = Date.parse("0001-01-01T00:00:00Z");

/** Changes as lines of text, those that differ only in who as one; `no access change` for none. */
export function formatAccessChanges(changes: readonly AccessChange[]): string {
  if (changes.length === 0) return "no access change";
  return accessChangeLines(changes).join("\n");
}

/** A line for each change, those that differ only in who as one, in the order of the changes. */
export function accessChangeLines(changes: readonly AccessChange[]): string[] {
  return foldChanges(changes).map(({ change, who, to, ports, conditions, risks, because }) => {
    const risk = risks.length === 0 ? "" : ` [${risks.join(", ")}]`;
    return `${SIGNS[change]} ${who} ${VERBS[change]} ${to}:${ports}${conditions}${risk} (${because.map(formatCause).join("; ")})`;
  });
}

/** `2 gained, 1 lost; 2 let somebody reach more`. */
export function countChanges(changes: readonly AccessChange[]): string {
  const counts = (["gained", "lost", "changed"] as const).flatMap((kind) => {
    const count = changes.filter(({ change }) => change === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  const widening = changes.filter(({ widens }) => widens).length;
  const wider = widening === 0 ? "nobody gets more" : `${widening} let somebody reach more`;
  return `${counts.join(", ")}; ${wider}`;
}

export const SIGNS = { gained: "+", lost: "-", changed: "~" } as const;
export const VERBS = { gained: "gains", lost: "loses", changed: "changes at" } as const;
