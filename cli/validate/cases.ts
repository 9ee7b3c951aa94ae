import { formatPath, type Reason, validateObject } from "../../policy/istio/validation/index.ts";
import { EXIT } from "../exit.ts";
import { readLines } from "../io/lines.ts";
import type { Output } from "../io/output.ts";

/**
 * Answers each line `{"id","kind","object"}` of a JSONL file with a line `{"id","verdict","reasons"}`, in the same
 * order. `kind` is used where the object does not say its own. A line that is none is told on `errors`; the others are
 * still answered.
 *
 * @returns `EXIT.failed` when a line could not be answered, else `EXIT.ok`: an invalid object is an answer.
 */
export async function validateCases(path: string, output: Output, errors: Output): Promise<number> {
  let code: number = EXIT.ok;
  for await (const { number, text } of readLines(path)) {
    const read = readCase(text);
    if (typeof read === "string") {
      code = EXIT.failed;
      await errors.write(`${path === "-" ? "<stdin>" : path}:${number}:1: ${read}\n`);
      continue;
    }
    const { verdict, reasons } = validateObject(read.object);
    const full = output.write(
      `${JSON.stringify({ id: read.id, verdict, reasons: reasons.map(formatReason) })}\n`,
    );
    if (full) await full;
  }
  await output.flush();
  await errors.flush();
  return code;
}

/** A reason with its path, and its severity where it is a warning. */
export function formatReason({ path, message, severity }: Reason): string {
  return `${severity === "warning" ? "warning: " : ""}${formatPath(path)}: ${message}`;
}

interface Case {
  readonly id: string | number;
  readonly object: unknown;
}

function readCase(text: string): Case | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return `not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  if (typeof value !== "object" || value === null || !("id" in value) || !("object" in value)) {
    return 'a case is an object {"id","kind","object"}';
  }
  const { id, object } = value;
  if (typeof id !== "string" && typeof id !== "number") return "a case needs an id, a text or a number";
  const namesNoKind = typeof object === "object" && object !== null && !("kind" in object);
  return { id, object: namesNoKind && "kind" in value ? { ...object, kind: value.kind } : object };
}
