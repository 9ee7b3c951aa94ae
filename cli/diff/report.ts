import type { AccessChange, AccessDiff } from "../../policy/diff/index.ts";

/** A difference, and what a check makes of it. */
export interface Report {
  readonly base: string;
  readonly head: string;
  readonly diff: AccessDiff;
  /** Widenings that nobody has acknowledged; undefined when that was not asked for. */
  readonly unacknowledged: readonly AccessChange[] | undefined;
}

/** The one line that says it all. */
export function summary({ diff }: Report): string {
  const { changes, objects } = diff;
  if (changes.length === 0) {
    if (objects.length === 0) return "No access change: both sides say the same.";
    const many = objects.length === 1 ? "1 object was" : `${objects.length} objects were`;
    return `No access change: ${many} renamed or rewritten, and nobody gains or loses access.`;
  }
  const counts = (["gained", "lost", "changed"] as const).flatMap((kind) => {
    const count = changes.filter(({ change }) => change === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  const widening = changes.filter(({ widens }) => widens).length;
  const wider = widening === 0 ? "nobody gets more" : `${widening} let somebody reach more`;
  return `Access changes: ${counts.join(", ")}; ${wider}.`;
}
