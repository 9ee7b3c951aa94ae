import { hasRef } from "../../schema/index.ts";
import { matchesPattern, type ReadCondition, type ReadStatement } from "./iam-text.ts";

/** What can be said without asking AWS. `unknown`: it hangs on something that is known only when the call is made. */
export type Answer = "yes" | "no" | "unknown";

/** One call, as far as it is known beforehand. */
export interface IamCall {
  /** Trust documents only. */
  readonly principal?: { readonly kind: "AWS" | "Service" | "Federated"; readonly value: string };
  readonly action: string;
  /** Permission documents only. */
  readonly resource?: string;
  /** Known context. A key that is `undefined` is known to be absent; one that is not listed is unknown. */
  readonly context: Readonly<Record<string, string | undefined>>;
}

/**
 * Whether statements allow a call. Covers what role trust and grants are written with; any other operator, and `NotPrincipal`,
 * is answered with `unknown` rather than guessed.
 */
export function evaluate(statements: readonly ReadStatement[], call: IamCall): Answer {
  const of = (effect: "Allow" | "Deny"): Answer =>
    any(statements.filter((one) => one.effect === effect).map((one) => applies(one, call)));
  const [denied, allowed] = [of("Deny"), of("Allow")];
  if (denied === "yes" || allowed === "no") return "no";
  return denied === "unknown" || allowed === "unknown" ? "unknown" : "yes";
}

function applies(statement: ReadStatement, call: IamCall): Answer {
  const { inverted } = statement;
  const action = any(statement.actions.map((pattern) => like(pattern, call.action, true)));
  const resource = any(statement.resources.map((pattern) => like(pattern, call.resource ?? "")));
  return all([
    call.principal === undefined
      ? "yes"
      : inverted.includes("NotPrincipal")
        ? "unknown"
        : any((statement.principals[call.principal.kind] ?? []).map((value) => isPrincipal(value, call))),
    inverted.includes("NotAction") ? not(action) : action,
    call.resource === undefined ? "yes" : inverted.includes("NotResource") ? not(resource) : resource,
    ...statement.conditions.map((condition) => holds(condition, call.context)),
  ]);
}

/** An account as principal stands for everything in it that the account itself allows. */
function isPrincipal(value: string, call: IamCall): Answer {
  const wanted = call.principal?.value ?? "";
  if (value === "*" || value === wanted) return "yes";
  if (hasRef(value) || hasRef(wanted)) return "unknown";
  const account = /^arn:[^:]+:iam::(\d{12}):root$|^(\d{12})$/.exec(value);
  const number = account?.[1] ?? account?.[2];
  return number !== undefined && wanted.split(":")[4] === number ? "yes" : "no";
}

function holds({ operator, key, values }: ReadCondition, context: IamCall["context"]): Answer {
  const ifExists = operator.endsWith("IfExists");
  const name = ifExists ? operator.slice(0, -"IfExists".length) : operator;
  const found = Object.keys(context).find((known) => known.toLowerCase() === key.toLowerCase());
  if (found === undefined) return "unknown";
  const actual = context[found];
  if (actual === undefined) return ifExists || name.includes("Not") ? "yes" : "no";
  const matching = (test: (value: string) => Answer) => any(values.map(test));
  switch (name) {
    case "StringEquals":
      return matching((value) => same(value, actual));
    case "StringEqualsIgnoreCase":
      return matching((value) => same(value.toLowerCase(), actual.toLowerCase()));
    case "StringLike":
    // IAM reads wildcards in both.
    case "ArnEquals":
    case "ArnLike":
      return matching((value) => like(value, actual));
    case "StringNotEquals":
      return not(matching((value) => same(value, actual)));
    case "StringNotLike":
    case "ArnNotEquals":
    case "ArnNotLike":
      return not(matching((value) => like(value, actual)));
    default:
      return "unknown";
  }
}

function same(a: string, b: string): Answer {
  if (a === b) return "yes";
  return hasRef(a) || hasRef(b) ? "unknown" : "no";
}

function like(pattern: string, text: string, ignoreCase = false): Answer {
  if (pattern === text) return "yes";
  if (hasRef(pattern) || hasRef(text)) return pattern === "*" ? "yes" : "unknown";
  return matchesPattern(pattern, text, ignoreCase) ? "yes" : "no";
}

function any(answers: readonly Answer[]): Answer {
  if (answers.includes("yes")) return "yes";
  return answers.includes("unknown") ? "unknown" : "no";
}

function all(answers: readonly Answer[]): Answer {
  if (answers.includes("no")) return "no";
  return answers.includes("unknown") ? "unknown" : "yes";
}

function not(answer: Answer): Answer {
  return answer === "unknown" ? "unknown" : answer === "yes" ? "no" : "yes";
}
