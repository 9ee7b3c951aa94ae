import type { Pair, ParsedNode, YAMLMap, YAMLSeq } from "yaml";
import { isAlias, isCollection, isMap, isPair, isScalar } from "yaml";

/** A piece of a text, first character and the one after the last. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * What to cut out so that an entry of a list or mapping is gone: in flow style the entry with one comma, in block style the
 * lines it stands on. Undefined where that cannot be done without touching something else.
 */
export function removal(text: string, parent: YAMLMap | YAMLSeq, index: number): Range | undefined {
  const entry = parent.items[index];
  const own = entry === undefined ? undefined : rangeOf(entry);
  // The last entry stays: without it a block collection would become null.
  if (!own || parent.items.length < 2 || holdsAnchor(entry)) return undefined;
  return parent.flow ? flowRemoval(text, parent, index, own) : blockRemoval(text, parent, own);
}

function flowRemoval(text: string, parent: YAMLMap | YAMLSeq, index: number, own: Range): Range | undefined {
  const next = parent.items[index + 1];
  const previous = parent.items[index - 1];
  const after = next === undefined ? undefined : rangeOf(next);
  const before = previous === undefined ? undefined : rangeOf(previous);
  const range = after ? { from: own.from, to: after.from } : before && { from: before.to, to: own.to };
  if (!range) return undefined;
  // Between two entries there is a comma and space; a comment or an anchor there is somebody's.
  const between = after ? text.slice(own.to, after.from) : text.slice(before?.to, own.from);
  return /^\s*,\s*$/.test(between) ? range : undefined;
}

function blockRemoval(text: string, parent: YAMLMap | YAMLSeq, own: Range): Range | undefined {
  const from = text.lastIndexOf("\n", own.from - 1) + 1;
  const newline = text.indexOf("\n", own.to);
  const to = newline < 0 ? text.length : newline + 1;
  const before = text.slice(from, own.from);
  const alone = isMap(parent) ? /^ *$/.test(before) : /^ *- +$/.test(before);
  // What follows on the last line is at most a comment, which is about what goes.
  return alone && /^[ \t]*(#.*)?\r?\n?$/.test(text.slice(own.to, to)) ? { from, to } : undefined;
}

/** From the first character of an entry to the one after its last; a mapping's entry is its key and value. */
function rangeOf(entry: unknown): Range | undefined {
  if (isPair(entry)) {
    const { key, value } = entry as Pair<ParsedNode, ParsedNode | null>;
    const first = key.range[0];
    return value === null ? undefined : { from: first, to: endOf(value) };
  }
  if (!isScalar(entry) && !isCollection(entry)) return undefined;
  const node = entry as ParsedNode;
  return { from: node.range[0], to: endOf(node) };
}

/** The end of the last thing written in a node; a block collection's own range runs on to what follows it. */
function endOf(node: ParsedNode): number {
  if (!isCollection(node) || node.flow) return node.range[1];
  const last = node.items.at(-1);
  return (last === undefined ? undefined : rangeOf(last)?.to) ?? node.range[1];
}

/** An anchor that an alias elsewhere may need, or an alias. */
function holdsAnchor(entry: unknown): boolean {
  if (isPair(entry)) return holdsAnchor(entry.key) || holdsAnchor(entry.value);
  if (isAlias(entry)) return true;
  if (isScalar(entry)) return entry.anchor !== undefined;
  return isCollection(entry) && (entry.anchor !== undefined || entry.items.some(holdsAnchor));
}
