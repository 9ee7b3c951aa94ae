import { isAlias, isMap, isPair, isScalar, isSeq } from "yaml";

/** A mistake in a node that the parser lets pass, and its offset in the text. */
export interface NodeProblem {
  readonly offset: number;
  readonly message: string;
  readonly fix: string;
  /** The document has no value as plain data. */
  readonly unreadable?: true;
}

/** `010` is eight to a YAML 1.1 reader (kubectl, Helm) and ten to a 1.2 reader (this one). */
const AMBIGUOUS_NUMBER = /^[-+]?0[0-9_]+$/;

/**
 * What two YAML readers would understand differently, and what a mapping cannot hold: keys written twice, keys that
 * are no plain word, numbers with leading zeros. The parser's own check for repeated keys compares each key
 * with each, which takes minutes for a mapping of a million; this one looks each up.
 */
export function nodeProblems(root: unknown): NodeProblem[] {
  const problems: NodeProblem[] = [];
  const stack: unknown[] = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (isSeq(node)) stack.push(...present(node.items));
    else if (isMap(node)) {
      const seen = new Set<string>();
      for (const pair of node.items) {
        if (!isPair(pair)) continue;
        const { key, value } = pair;
        const problem = keyProblem(key, seen);
        if (problem) problems.push({ offset: startOf(key) ?? startOf(node) ?? 0, ...problem });
        if (value !== null) stack.push(value);
      }
    } else if (isScalar(node) && typeof node.value === "number" && AMBIGUOUS_NUMBER.test(node.source ?? "")) {
      problems.push({
        offset: startOf(node) ?? 0,
        message: `${node.source} is octal to some YAML readers and decimal to others`,
        fix: "put it in quotes to keep its digits, or write the number without leading zeros",
      });
    }
  }
  return problems;
}

function present(items: readonly unknown[]): unknown[] {
  return items.filter((item) => item !== null && item !== undefined);
}

function keyProblem(key: unknown, seen: Set<string>): Omit<NodeProblem, "offset"> | undefined {
  if (isAlias(key) || !isScalar(key)) {
    const message = "a key is a word, not a list, mapping or alias";
    return { message, fix: "write the key as plain text", unreadable: true };
  }
  const text = String(key.value);
  // `<<` may be written several times: each merges another mapping.
  if (text === "<<") return undefined;
  if (text === "__proto__")
    return { message: "a key cannot be named __proto__", fix: "use another name", unreadable: true };
  if (seen.has(text)) return { message: "this key is written twice", fix: "remove one of the two" };
  seen.add(text);
  return undefined;
}

/** Where a node starts in the text. */
export function startOf(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  return Array.isArray(node.range) && typeof node.range[0] === "number" ? node.range[0] : undefined;
}
