import { isMap, isPair, isScalar, type Pair, parseAllDocuments, type YAMLMap } from "yaml";
import type { Narrowing } from "../../policy/audit/index.ts";
import { applyEdits, type Edit } from "../fix/edit.ts";

/**
 * Applies narrowings to a text with policies; whatever they do not concern stays to the byte, comments included.
 *
 * @returns the new text (empty when nothing is left), the grants that were changed, and those that must be changed by hand
 */
export function editGrants(
  text: string,
  narrowings: readonly Narrowing[],
): { text: string; done: readonly string[]; byHand: readonly string[] } {
  const edits: Edit[] = [];
  const done: string[] = [];
  const byHand: string[] = [];
  const documents = parseAllDocuments(text, { uniqueKeys: false, merge: true });
  if (!Array.isArray(documents)) return { text, done, byHand };
  /** Where each document that stays begins. */
  const stays: number[] = [];
  for (const document of documents) {
    const { contents } = document;
    const start = contents?.range[0];
    const name = document.get("kind") === "Grant" ? document.getIn(["metadata", "name"]) : undefined;
    const narrowing = narrowings.find(({ grant }) => grant === name);
    const made = narrowing && isMap(contents) ? editsOf(text, contents, narrowing) : undefined;
    if (start !== undefined && !(made && narrowing?.type === "remove")) stays.push(start);
    if (!narrowing) continue;
    if (made) {
      edits.push(...made);
      done.push(narrowing.grant);
    } else byHand.push(narrowing.grant);
  }
  const marker = strayMarker(text, stays[0], documents[0]?.contents?.range[0]);
  if (marker) edits.push(marker);
  return { text: applyEdits(text, edits).text, done, byHand };
}

function editsOf(text: string, contents: YAMLMap, narrowing: Narrowing): Edit[] | undefined {
  switch (narrowing.type) {
    case "remove":
      return removal(text, contents);
    case "narrow":
      return narrowed(text, contents, narrowing);
  }
}

/** The whole document. Comments at the beginning of a file are about the file, and stay. */
function removal(text: string, contents: YAMLMap): Edit[] | undefined {
  const start = contents.range?.[0];
  if (start === undefined || contents.flow) return undefined;
  const next = /^---(?=\s)/m.exec(text.slice(start));
  const to = next ? start + next.index : text.length;
  return [{ from: lastMarker(text, start) ?? start, to, text: "", what: "remove" }];
}

/** The marker before the first document that stays, when the one that stood before it without a marker goes. */
function strayMarker(text: string, stays: number | undefined, first: number | undefined): Edit | undefined {
  if (stays === undefined || first === undefined || stays === first || lastMarker(text, first) !== undefined)
    return undefined;
  const from = lastMarker(text, stays);
  if (from === undefined) return undefined;
  return { from, to: text.indexOf("\n", from) + 1, text: "", what: "marker" };
}

/** Where the `---` before this place stands. */
function lastMarker(text: string, before: number): number | undefined {
  const markers = [...text.slice(0, before).matchAll(/^---(?=\s)/gm)];
  return markers.at(-1)?.index;
}

function narrowed(
  text: string,
  contents: YAMLMap,
  { from, ports }: Extract<Narrowing, { type: "narrow" }>,
): Edit[] | undefined {
  const spec = contents.get("spec", true);
  if (!isMap(spec)) return undefined;
  const sides = Object.entries(from).flatMap(([list, names]) =>
    names.length === 0 ? [] : [`${list}: [${names.map(scalar).join(", ")}]`],
  );
  const to = spec.get("to", true);
  const service = isMap(to) ? to.get("service") : undefined;
  if (typeof service !== "string") return undefined;
  const target = `{ service: ${scalar(service)}${ports ? `, ports: [${ports.join(", ")}]` : ""} }`;
  const edits = [
    replaceValue(text, spec, "from", `{ ${sides.join(", ")} }`),
    replaceValue(text, spec, "to", target),
  ];
  const made = edits.filter((edit) => edit !== undefined);
  return made.length === edits.length
    ? made.filter((edit) => edit.text !== text.slice(edit.from, edit.to))
    : undefined;
}

/** Replaces the value of a key; undefined where a comment or an anchor in it would be lost. */
function replaceValue(text: string, map: YAMLMap, key: string, value: string): Edit | undefined {
  const pair = map.items.find(
    (item): item is Pair => isPair(item) && isScalar(item.key) && item.key.value === key,
  );
  if (!pair || !isScalar(pair.key) || !isMap(pair.value)) return undefined;
  const keyEnd = pair.key.range?.[1];
  const range = pair.value.range;
  if (keyEnd === undefined || !range) return undefined;
  const end = range[0] + text.slice(range[0], range[1]).trimEnd().length;
  const old = text.slice(keyEnd, end);
  if (/#|&|\*/.test(old.replace(/"[^"]*"|'[^']*'/g, ""))) return undefined;
  const same = sameMeaning(old.replace(/^\s*:/, ""), value);
  return { from: keyEnd, to: end, text: same ? old : `: ${value}`, what: key };
}

/** Written otherwise, and the same. */
function sameMeaning(a: string, b: string): boolean {
  const plain = (source: string): unknown => {
    const [document] = parseAllDocuments(source);
    return document && "toJS" in document ? document.toJS() : undefined;
  };
  return JSON.stringify(sortKeys(plain(a))) === JSON.stringify(sortKeys(plain(b)));
}

function sortKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Plain where YAML takes it for text as it is; else in quotes. */
function scalar(value: string): string {
  return /^([A-Za-z][\w./-]*|\d+\.\d+\.\d+\.\d+\/\d+)$/.test(value) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
