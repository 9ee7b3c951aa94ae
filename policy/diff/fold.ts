import type { AccessChange } from "./change.ts";

/** Changes that differ in nothing but who, told together. */
export interface FoldedChange extends Omit<AccessChange, "from"> {
  /** Everybody, in the order of the changes. */
  readonly from: readonly string[];
  /** The same, cut after a few names with a count. */
  readonly who: string;
  /** What is open, and what was, in words; starts with a space or is empty. */
  readonly conditions: string;
}

const SHOWN = 5;

/** Joins changes that differ only in who; the order of the first of each stays. */
export function foldChanges(changes: readonly AccessChange[]): FoldedChange[] {
  const groups = Map.groupBy(changes, ({ from: _, ...rest }) => JSON.stringify(rest));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const from = group.map((change) => change.from);
    const rest = from.length - SHOWN;
    const who = rest > 1 ? `${from.slice(0, SHOWN).join(", ")} and ${rest} more` : from.join(", ");
    return [{ ...first, from, who, conditions: conditionsText(first) }];
  });
}

/** `via proxy, until …`; of a change, from what to what. */
export function conditionsText({ change, ports, before, after }: AccessChange): string {
  const text = (list: readonly string[]): string => list.join("; or ");
  // Between Kubernetes objects the ports are all there is to say.
  const once = (list: readonly string[]): string => (text(list) === ports ? "" : ` ${text(list)}`);
  switch (change) {
    case "gained":
      return once(after);
    case "lost":
      return once(before);
    case "changed":
      return `: ${text(before)} → ${text(after)}`;
  }
}
