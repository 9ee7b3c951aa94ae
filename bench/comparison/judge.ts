import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Access, Change } from "./changes.ts";
import type { Cell } from "./results.ts";

const judgements = z.array(
  z.strictObject({
    change: z.string(),
    tool: z.string(),
    says: z.string().min(1),
    worth: z.enum(["right", "partly", "remark", "wrong"]),
    why: z.string().optional(),
  }),
);

export type Judgement = z.infer<typeof judgements>[number];

/** What a tool came to at one change set. */
export interface Judged {
  readonly outcome: "found" | "partly" | "missed" | "quiet";
  /** Lines that alarm of what does not happen. */
  readonly falseAlarms: number;
  readonly why: readonly string[];
}

export function readJudgements(): readonly Judgement[] {
  return judgements.parse(parse(readFileSync(join(import.meta.dirname, "judgements.yaml"), "utf8")));
}

/** The line of `portreeve diff` for a row of truth. */
export function row({ change, from, to, ports }: Access): string {
  return `diff: ${from} ${change} ${to} (${ports})`;
}

/** @throws where a line is not judged: nobody's output is counted unread */
export function judge(change: Change, tool: string, cell: Cell, all: readonly Judgement[]): Judged {
  const truth = new Set(change.truth.access.map(row));
  const worths = cell.says.map((line) => worthOf(line, change, tool, truth, all));
  const diffed = cell.says.filter((line) => truth.has(line)).length;
  const incomplete = diffed > 0 && diffed < truth.size;
  const other = worths.some((worth, i) => worth.worth === "right" && !truth.has(cell.says[i] ?? ""));
  const right = other || (diffed > 0 && !incomplete);
  const partly = incomplete || worths.some(({ worth }) => worth === "partly");
  const nothing = change.truth.mistake === undefined;
  return {
    outcome: right ? "found" : partly ? "partly" : nothing ? "quiet" : "missed",
    falseAlarms: worths.filter(({ worth }) => worth === "wrong").length,
    why: [...new Set(worths.flatMap(({ why }) => why ?? []))],
  };
}

function worthOf(
  line: string,
  change: Change,
  tool: string,
  truth: ReadonlySet<string>,
  all: readonly Judgement[],
): Pick<Judgement, "worth" | "why"> {
  if (line.startsWith("diff: ")) return { worth: truth.has(line) ? "right" : "wrong" };
  const found = all.find((one) => one.change === change.id && one.tool === tool && line.startsWith(one.says));
  if (!found) throw new Error(`judgements.yaml does not value what ${tool} says of ${change.id}: ${line}`);
  return found;
}
