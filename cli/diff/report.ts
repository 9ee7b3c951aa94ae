import type { AccessChange, AccessDiff } from "../../policy/diff/index.ts";
import { countChanges } from "../../policy/diff/tables.ts";
import type { Graph } from "../../policy/graph/graph.ts";

/** A difference, and what a check makes of it. */
export interface Report {
  readonly base: string;
  readonly head: string;
  readonly diff: AccessDiff;
  /** Widenings that nobody has acknowledged; undefined when that was not asked for. */
  readonly unacknowledged: readonly AccessChange[] | undefined;
  /** Before and after, for the formats that draw. */
  readonly graph?: () => Graph;
}

/** The one line that says it all. */
export function summary({ diff }: Pick<Report, "diff">): string {
  const { changes, objects } = diff;
  if (changes.length === 0) {
    if (objects.length === 0) return "No access change: both sides say the same.";
    const many = objects.length === 1 ? "1 object was" : `${objects.length} objects were`;
    return `No access change: ${many} renamed or rewritten, and nobody gains or loses access.`;
  }
  return `Access changes: ${countChanges(changes)}.`;
}
