import ipaddr from "ipaddr.js";
import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Finding } from "../../policy/finding.ts";
import type { Edit } from "./edit.ts";
import { removal } from "./remove.ts";

/** What stands at a place: the scalar, and from the inside out the collections and pairs around it. */
interface Place {
  readonly scalar: Scalar;
  readonly around: readonly unknown[];
}

/**
 * The edits that mend what findings say of one text. Only what has one right answer: a value that was meant as text gets
 * quotes, an address block its network address, a list loses `exportTo: *` and what it says twice.
 *
 * @param findings - of this text, with their positions in it
 */
export function mend(text: string, findings: readonly Finding[]): Edit[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, merge: true });
  if (!Array.isArray(documents)) return [];
  const wanted = new Map<number, Finding[]>();
  for (const finding of findings) {
    if (!finding.position) continue;
    const start = lines.lineStarts[finding.position.line - 1];
    if (start === undefined) continue;
    const offset = start + finding.position.col - 1;
    wanted.set(offset, [...(wanted.get(offset) ?? []), finding]);
  }
  const edits: Edit[] = [];
  for (const document of documents) {
    if (document.errors.length > 0) continue;
    visit(document, {
      Scalar(_, scalar, path) {
        const offset = scalar.range?.[0];
        const found = offset === undefined ? undefined : wanted.get(offset);
        for (const finding of found ?? []) {
          const edit = mendOne(text, { scalar, around: [...path].reverse() }, finding);
          if (edit) edits.push(edit);
        }
      },
      Seq(key, seq, path) {
        if (key !== "key" && isPolicy(path)) edits.push(...repeated(text, seq));
      },
    });
  }
  return edits;
}

function mendOne(text: string, place: Place, finding: Finding): Edit | undefined {
  const [from, to] = place.scalar.range ?? [0, 0];
  const written = text.slice(from, to);
  switch (finding.rule) {
    case "PR106": {
      // What is written stays, digit by digit: 012345678901 as a number has lost its zero.
      if (place.scalar.type !== "PLAIN" || !finding.fix?.startsWith("put it in quotes")) return undefined;
      return { from, to, text: JSON.stringify(written), what: `${written} is now text, in quotes` };
    }
    case "PR107": {
      const value = place.scalar.value;
      const better = typeof value === "string" ? network(value) : undefined;
      if (
        typeof value !== "string" ||
        better === undefined ||
        !finding.message.includes(`did you mean ${better}?`)
      )
        return undefined;
      if (!written.includes(value)) return undefined;
      return { from, to, text: written.replace(value, () => better), what: `${value} is now ${better}` };
    }
    case "PR223":
      return place.scalar.value === "*" ? withoutStar(text, place) : undefined;
    default:
      return undefined;
  }
}

/** The block that an address with a prefix length lies in, or the block of one address. */
function network(value: string): string | undefined {
  if (ipaddr.isValidCIDR(value)) {
    const parse = value.includes(":") ? ipaddr.IPv6 : ipaddr.IPv4;
    return `${parse.networkAddressFromCIDR(value)}/${value.split("/")[1]}`;
  }
  if (!ipaddr.isValid(value)) return undefined;
  return `${value}/${value.includes(":") ? 128 : 32}`;
}

/** Without `*` among other namespaces, or without `exportTo` when it was the only one. */
function withoutStar(text: string, { scalar, around: [list, pair, map] }: Place): Edit | undefined {
  if (!isSeq(list)) return undefined;
  if (list.items.length > 1) {
    const range = removal(text, list, list.items.indexOf(scalar));
    return range && { ...range, text: "", what: "`*` is gone from `exportTo`" };
  }
  if (!isPair(pair) || !isMap(map) || !isScalar(pair.key) || pair.key.value !== "exportTo") return undefined;
  const range = removal(text, map, map.items.indexOf(pair as YAMLMap["items"][number]));
  return range && { ...range, text: "", what: "`exportTo: *` is gone" };
}

/** Removes what a list says a second time. */
function repeated(text: string, list: YAMLSeq): Edit[] {
  const seen = new Set<string>();
  const edits: Edit[] = [];
  for (const [index, item] of list.items.entries()) {
    if (!isScalar(item)) continue;
    const key = `${typeof item.value} ${String(item.value)}`;
    if (!seen.has(key)) {
      seen.add(key);
      continue;
    }
    const range = removal(text, list, index);
    if (range)
      edits.push({ ...range, text: "", what: `the second ${String(item.value)} of its list is gone` });
  }
  return edits;
}

/** True below `spec`: lists there are sets of names, hosts, ports and addresses. */
function isPolicy(path: readonly unknown[]): boolean {
  return path.some((step) => isPair(step) && isScalar(step.key) && step.key.value === "spec");
}
