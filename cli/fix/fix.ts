import { type Finding, PolicyError } from "../../policy/finding.ts";
import { lint } from "../../policy/lint/index.ts";
import { loadPolicySet } from "../../policy/load/index.ts";
import { applyEdits } from "./edit.ts";
import { mend } from "./mend.ts";

/** A policy text and the name it goes by. */
export interface FixText {
  readonly name: string;
  readonly text: string;
}

/** One thing that was mended; the line is that of the text before. */
export interface Mended {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** Mending one thing can show the next: a set with a bad value is not linted. More rounds than this would be a defect. */
const MAX_ROUNDS = 10;

/**
 * Mends texts of one policy set until nothing more can be mended mechanically; applied to its own result it changes nothing.
 *
 * @param now - epoch milliseconds that expiries are judged at
 */
export function fixTexts(
  texts: readonly FixText[],
  now: number,
): { texts: readonly FixText[]; mended: readonly Mended[] } {
  const mended: Mended[] = [];
  let current = texts;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const findings = findingsOf(current, now);
    const next = current.map(({ name, text }) => {
      const edits = mend(
        text,
        findings.filter(({ position }) => position?.file === name),
      );
      const result = applyEdits(text, edits);
      for (const { from, what } of result.applied)
        mended.push({ file: name, line: lineOf(text, from), what });
      return { name, text: result.text };
    });
    if (next.every(({ text }, index) => text === current[index]?.text)) break;
    current = next;
  }
  return { texts: current, mended };
}

function findingsOf(texts: readonly FixText[], now: number): readonly Finding[] {
  try {
    const { model, documents } = loadPolicySet({ texts });
    return lint(model, { now, sources: documents });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.findings;
  }
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
