import type { Explanation } from "../../policy/explain/index.ts";

/** An explanation for programs. */
export function explainJson({ connection, verdict, point, grants, nearest, flip }: Explanation): string {
  return `${JSON.stringify(
    {
      version: 1,
      verdict: verdict.verdict,
      reason: verdict.reason,
      connection,
      point,
      grants: grants.map(({ name, position }) => ({ name, position: position ?? null })),
      nearest: nearest
        ? {
            grant: nearest.rule.id,
            position: nearest.rule.origin ?? null,
            differs: nearest.differs.map(({ respect, text }) => ({ respect, text })),
          }
        : null,
      flip,
    },
    null,
    2,
  )}\n`;
}
