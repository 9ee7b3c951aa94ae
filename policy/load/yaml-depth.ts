import type { CST } from "yaml";

/** Nesting deeper than this is not a policy; composing it would exhaust the stack of whatever walks it. */
export const MAX_DEPTH = 64;

type Children = readonly { readonly key?: CST.Token | null; readonly value?: CST.Token }[];

/**
 * Offset of the first token nested deeper than {@link MAX_DEPTH}, or undefined. It looks at the tokens, which are
 * parsed without recursion, before the recursive composer sees them; and it keeps its own stack.
 */
export function tooDeepAt(document: CST.Document): number | undefined {
  const stack: { token: CST.Token; depth: number }[] = [];
  if (document.value) stack.push({ token: document.value, depth: 1 });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (!("items" in token)) continue;
    const items: Children = token.items;
    for (const { key, value } of items) {
      if (key) stack.push({ token: key, depth: depth + 1 });
      if (value) stack.push({ token: value, depth: depth + 1 });
    }
  }
  return undefined;
}
