import type { AwsChain } from "../../policy/compile/aws/chain.ts";
import type { Explanation, Miss } from "../../policy/explain/index.ts";
import { formatPosition } from "../../policy/finding.ts";
import type { Question } from "../../policy/model/query.ts";
import type { Grant } from "../../policy/model/types.ts";
import { bold } from "../format/color.ts";
import { chainText } from "./chain-text.ts";

/** An explanation for people. */
export function explainText(
  question: Question,
  explanation: Explanation,
  chains: readonly AwsChain[],
  color: boolean,
): string {
  const { verdict, connection, point, grants, nearest, flip } = explanation;
  const word = verdict.verdict === "allow" ? "allowed" : "denied";
  const { service, port } = connection;
  return `${[
    `${bold(word, color)}: ${question.from} → ${service}:${port}, decided at the ${point} (${verdict.reason})`,
    ...grants.map((grant) => `  by Grant/${grant.name}${whereOf(grant)}${reasonOf(grant)}`),
    ...(nearest ? nearestLines(nearest, verdict.verdict === "allow") : []),
    ...flipLines(flip, verdict.verdict === "allow"),
    ...chains.flatMap((chain) => chainText(chain, color)),
  ].join("\n")}\n`;
}

function whereOf({ position }: Pick<Grant, "position">): string {
  return position ? ` (${formatPosition(position)})` : "";
}

function reasonOf({ spec }: Grant): string {
  return spec.reason === undefined ? "" : `: ${spec.reason}`;
}

function nearestLines({ rule, differs }: Miss, allowed: boolean): string[] {
  const what = allowed ? "the deny that comes nearest" : "the grant that comes nearest";
  return [
    `  ${what}: Grant/${rule.id}${whereOf({ position: rule.origin })}`,
    ...differs.map(({ text }) => `    but ${text}`),
  ];
}

function flipLines(steps: readonly string[], allowed: boolean): string[] {
  const wanted = allowed ? "deny" : "allow";
  if (steps.length === 0) {
    return [
      `  no single small change to the grants would ${wanted} it`,
      ...(allowed ? [] : ["    for somebody new: portreeve request writes a group and a grant that ends"]),
    ];
  }
  return [`  to ${wanted} it (tried, and valid):`, ...steps.map((step) => `    ${step}`)];
}
