/** The evaluator's verdicts beside the oracle's, for one group. */
import { isDeepStrictEqual } from "node:util";
import { compilePolicies } from "../../policy/istio/authorization/index.ts";
import type { Group, Oracle, OracleVerdict } from "./oracle.ts";

/** The first connection on which they differ. */
export interface Difference {
  readonly connection: unknown;
  readonly istio: OracleVerdict;
  readonly portreeve: unknown;
}

export async function compare(
  oracle: Oracle,
  group: Group,
  seen: (verdicts: readonly OracleVerdict[]) => void = () => undefined,
): Promise<Difference | undefined> {
  const verdicts = await oracle.ask(group);
  seen(verdicts);
  const judge = compilePolicies(group.set);
  for (const [index, istio] of verdicts.entries()) {
    const connection = group.connections[index];
    if (connection === undefined) throw new Error("the oracle answered more connections than it was asked");
    const { verdict, by, notes } = judge(connection);
    if (verdict !== istio.verdict || !isDeepStrictEqual(by, istio.by)) {
      return { connection, istio, portreeve: { verdict, by, notes } };
    }
  }
  if (verdicts.length !== group.connections.length) throw new Error("the oracle answered fewer connections");
  return undefined;
}
