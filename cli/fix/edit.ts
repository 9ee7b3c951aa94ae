/** A piece of a text to replace; an empty `text` removes it. */
export interface Edit {
  /** First character concerned, and the one after the last. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** What it does, for people. */
  readonly what: string;
}

/**
 * Applies edits to a text; everything outside of them stays as it is, to the byte. Of two that overlap, the first wins: the
 * next pass looks at the result again.
 *
 * @returns the text, and the edits that were applied, in order
 */
export function applyEdits(text: string, edits: readonly Edit[]): { text: string; applied: readonly Edit[] } {
  const applied: Edit[] = [];
  let result = "";
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.from - b.from || b.to - a.to)) {
    if (edit.from < at) continue;
    result += text.slice(at, edit.from) + edit.text;
    at = edit.to;
    applied.push(edit);
  }
  return { text: result + text.slice(at), applied };
}
