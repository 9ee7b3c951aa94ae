import type { AwsChain } from "../../policy/compile/aws/chain.ts";
import type { Explanation } from "../../policy/explain/index.ts";

/** An explanation for programs. */
export function explainJson(explanation: Explanation, chains: readonly AwsChain[]): string {
  const { connection, verdict, point, grants, nearest, flip } = explanation;
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
      chains: chains.map((chain) => ({ ...chain, broken: chain.broken?.name ?? null })),
    },
    null,
    2,
  )}\n`;
}
