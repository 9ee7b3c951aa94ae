import { formatPosition } from "../../policy/finding.ts";
import { decide, loadModel, type Verdict } from "../../policy/index.ts";
import { connectionOf, type Question } from "../../policy/model/query.ts";
import type { Model } from "../../policy/model/types.ts";
import { EXIT } from "../exit.ts";

/** A verdict on a question, as text or as a line of JSON, and the exit code that says it again. */
export interface Answer {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Answers one question about policies.
 *
 * @param instant - epoch milliseconds
 * @throws PolicyError when the policies cannot be read, or the question names what they do not know.
 */
export function decideQuestion(
  paths: readonly string[],
  question: Question,
  instant: number,
  json: boolean,
): Answer {
  const model = loadModel({ paths });
  const connection = connectionOf(model, question);
  const verdict = decide(model.table, connection, instant);
  const text = json
    ? `${JSON.stringify({ ...verdict, via: connection.via, at: new Date(instant).toISOString(), digest: model.digest })}\n`
    : explained(model, question, connection.via, connection.port, verdict);
  return { text, exitCode: verdict.verdict === "allow" ? EXIT.ok : EXIT.found };
}

function explained(model: Model, question: Question, via: string, port: number, verdict: Verdict): string {
  const service = question.to.replace(/:\d+$/, "");
  const lines = [
    `${verdict.verdict}: ${question.from} → ${service}:${port} through the ${via}`,
    `  ${reasonText(verdict)}`,
  ];
  for (const rule of verdict.rules) {
    const grant = model.grants.get(rule);
    const where = grant?.position ? ` (${formatPosition(grant.position)})` : "";
    const why = grant?.spec.reason === undefined ? "" : `: ${grant.spec.reason}`;
    lines.push(`  by Grant/${rule}${where}${why}`);
  }
  return `${lines.join("\n")}\n`;
}

function reasonText({ reason }: Verdict): string {
  switch (reason) {
    case "allowed":
      return "every party of the connection is granted";
    case "denied-by-rule":
      return "a deny names it; a deny wins over every allow";
    case "no-grant-for-workload":
      return "no grant lets this client in by its identity or address";
    case "no-grant-for-person":
      return "no grant lets this person or role in";
    case "no-grant-for-agent":
      return "no grant lets this agent in";
    case "agent-not-valid":
      return "the agent has expired, or acts for somebody it may not act for";
    case "plaintext":
      return "a client without a certificate is refused";
    case "unknown-service":
      return "there is no such service";
    case "unknown-port":
      return "the service has no such port";
  }
}
