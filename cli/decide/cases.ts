import { compilePolicies } from "../../policy/istio/authorization/evaluate.ts";
import { ConnectionError } from "../../policy/istio/authorization/peer.ts";
import { EXIT } from "../exit.ts";
import { readLines } from "../io/lines.ts";
import type { Output } from "../io/output.ts";
import { readCaseLine } from "./case-line.ts";

/**
 * Answers each line of a JSONL file (a set of policies, a workload, a connection) with a line
 * `{"id","verdict","by","notes"}`, in the same order. A line that cannot be answered is told on `errors` as
 * `FILE:LINE: …`, one line for each, and the others still are.
 *
 * @returns `EXIT.failed` when a line could not be answered, else `EXIT.ok`.
 */
export async function decideCases(file: string, output: Output, errors: Output): Promise<number> {
  const name = file === "-" ? "<stdin>" : file;
  let code: number = EXIT.ok;
  for await (const { number, text } of readLines(file)) {
    const answer = answerLine(text);
    if ("problems" in answer) {
      code = EXIT.failed;
      await errors.write(`${name}:${number}: ${answer.problems.join("; ")}\n`);
    } else {
      // Awaited only when a piece is full: a promise for each of many lines would cost more than the verdicts.
      const full = output.write(`${answer.verdict}\n`);
      if (full) await full;
    }
  }
  await output.flush();
  await errors.flush();
  return code;
}

type Answer = { readonly verdict: string } | { readonly problems: readonly string[] };

function answerLine(text: string): Answer {
  const read = readCaseLine(text);
  if ("problems" in read) return read;
  try {
    const verdict = compilePolicies(read.case.policies)(read.case.connection);
    return { verdict: JSON.stringify({ id: read.case.id, ...verdict }) };
  } catch (error) {
    if (error instanceof ConnectionError) return { problems: [`connection.${error.message}`] };
    throw error;
  }
}
