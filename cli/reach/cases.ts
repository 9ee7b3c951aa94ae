import { z } from "zod";
import { type Finding, formatFinding } from "../../policy/finding.ts";
import { connections, type Problem, readCluster } from "../../policy/kubernetes/reach/index.ts";
import { formatPorts } from "../../policy/sets/ports.ts";
import { EXIT } from "../exit.ts";
import { type Line, readLines } from "../io/lines.ts";
import type { Output } from "../io/output.ts";
import { Columns } from "./columns.ts";

const caseSchema = z.object(
  {
    id: z.union([z.string(), z.number()], { error: "a case needs an id, a text or a number" }),
    objects: z.array(z.unknown(), { error: "a case needs objects, a list of Kubernetes objects" }),
  },
  { error: 'a case is an object {"id", "objects"}' },
);

/**
 * Answers each line `{"id","objects"}` of a JSONL file with a line `{"id","connections":[{"src","dst","ports"}]}`, in
 * the same order. A line that cannot be answered is told on `errors` with its position, and the others still are.
 *
 * @returns `EXIT.failed` when a line could not be answered, else `EXIT.ok`.
 */
export async function answerCases(file: string, output: Output, errors: Output): Promise<number> {
  let code: number = EXIT.ok;
  for await (const line of readLines(file)) {
    const findings: Finding[] = [];
    await answer(line, file, output, findings);
    for (const finding of findings) await errors.write(`${formatFinding(finding)}\n`);
    if (findings.some(({ severity }) => severity === "error")) code = EXIT.failed;
  }
  await output.flush();
  await errors.flush();
  return code;
}

async function answer(line: Line, file: string, output: Output, findings: Finding[]): Promise<void> {
  const columns = new Columns(line.text);
  const at = (col: number) => ({ file: file === "-" ? "<stdin>" : file, line: line.number, col });
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const position = at(columns.ofSyntaxError(reason));
    findings.push({ rule: "PR190", severity: "error", message: `not valid JSON: ${reason}`, position });
    return;
  }
  const parsed = caseSchema.safeParse(value);
  if (!parsed.success) {
    for (const { message, path } of parsed.error.issues) {
      const position = at(columns.of(path));
      findings.push({ rule: "PR190", severity: "error", message, position });
    }
    return;
  }
  const { id, objects } = parsed.data;
  const { cluster, problems } = readCluster(objects);
  findings.push(
    ...problems.map((problem) => located(problem, id, at(columns.of(["objects", ...problem.path])))),
  );
  if (problems.some(({ severity }) => severity === "error")) return;
  await output.write(`{"id":${JSON.stringify(id)},"connections":[`);
  let separator = "";
  for (const { src, dst, ports } of connections(cluster)) {
    const text = JSON.stringify({ src, dst, ports: formatPorts(ports) });
    // Awaited only when a piece is full: a promise for each of a million connections would take seconds.
    const full = output.write(separator + text);
    if (full) await full;
    separator = ",";
  }
  await output.write("]}\n");
}

function located(problem: Problem, id: string | number, position: NonNullable<Finding["position"]>): Finding {
  const { path: _, ...finding } = problem;
  return { ...finding, message: `case ${JSON.stringify(id)}: ${problem.message}`, position };
}
