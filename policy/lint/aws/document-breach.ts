import type { ReadCondition, ReadStatement } from "../../compile/aws/iam-text.ts";

/** What is wrong with one statement of an IAM document. */
export interface DocumentBreach {
  /** Id of the guardrail. */
  readonly rule: "PR630" | "PR631" | "PR632" | "PR633" | "PR636";
  /** Sid of the statement, or its number. */
  readonly statement: string;
  /** What is wrong, in one sentence. */
  readonly message: string;
}

/** Conditions that must hold: an operator with `IfExists` lets a request without the key pass. */
export function demanded(statement: ReadStatement, test: (key: string) => boolean): ReadCondition[] {
  return statement.conditions.filter(
    ({ key, operator }) =>
      test(key.toLowerCase()) && !operator.endsWith("IfExists") && !operator.startsWith("ForAllValues"),
  );
}

/** Operators that read `*` and `?` as wildcards. */
export function isExact({ operator, values }: ReadCondition): boolean {
  if (/Not/.test(operator)) return false;
  return !/Like|^Arn|:Arn/.test(operator) || !values.some((value) => /[*?]/.test(value));
}
