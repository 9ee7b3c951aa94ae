import { isCollection, isMap, LineCounter, parseAllDocuments, type Document as YamlDocument } from "yaml";
import type { Finding, Position } from "../finding.ts";
import type { Path, RawDocument } from "./source.ts";

/** Aliases one document may expand to. A policy needs a handful; an alias bomb needs millions. */
const MAX_ALIASES = 1_000;
/** Nesting deeper than this is not a policy; it would exhaust the stack of whatever walks it. */
const MAX_DEPTH = 64;

/**
 * Parses multi-document YAML (JSON is YAML too). Syntax errors become findings; the documents without any are
 * returned, so that one typo does not hide the problems of the rest.
 */
export function parseYaml(text: string, file: string): { documents: RawDocument[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const tooDeep = nestingProblem(text, file);
  if (tooDeep) return { documents: [], findings: [tooDeep] };
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), col: Math.max(1, col) };
  };
  const documents: RawDocument[] = [];
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    uniqueKeys: true,
  });
  for (const doc of parsed) {
    if (doc.errors.length > 0) {
      for (const error of doc.errors)
        findings.push(syntaxFinding(error.code, error.message, at(error.pos[0])));
      continue;
    }
    if (doc.contents === null) continue;
    const value = plainValue(doc, at, findings);
    if (value === undefined || value === null) continue;
    documents.push({
      value,
      position: at(doc.contents.range?.[0] ?? 0),
      locate: (path, where = "value") => at(offsetOf(doc, path, where)),
    });
  }
  return { documents, findings };
}

function plainValue(
  doc: YamlDocument.Parsed,
  at: (offset: number) => Position,
  findings: Finding[],
): unknown {
  try {
    return doc.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    findings.push({
      rule: "PR101",
      severity: "error",
      message: /alias/i.test(message)
        ? `this document's aliases expand to more than ${MAX_ALIASES} nodes, or name an anchor that does not exist`
        : message,
      fix: "write the values out, or split the document",
      position: at(doc.range[0]),
    });
    return undefined;
  }
}

function syntaxFinding(code: string, message: string, position: Position): Finding {
  const [first = message] = message.split("\n");
  const base = { severity: "error", position } as const;
  switch (code) {
    case "TAB_AS_INDENT":
      return { ...base, rule: "PR101", message: "a tab is used for indentation", fix: "indent with spaces" };
    case "DUPLICATE_KEY":
      return { ...base, rule: "PR101", message: "this key is written twice", fix: "remove one of the two" };
    default:
      return {
        ...base,
        rule: "PR101",
        message: `not valid YAML: ${first}`,
        fix: "correct the syntax at this place",
      };
  }
}

/** Offset of the value (or key) at `path`, or of the deepest part of the path that exists. */
function offsetOf(doc: YamlDocument.Parsed, path: Path, where: "key" | "value"): number {
  let node: unknown = doc.contents;
  let offset = doc.contents?.range?.[0] ?? 0;
  for (const [index, step] of path.entries()) {
    if (!isCollection(node)) break;
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === String(step));
      if (!pair) break;
      const keyOffset = rangeStart(pair.key);
      offset =
        (index === path.length - 1 && where === "key" ? keyOffset : rangeStart(pair.value)) ??
        keyOffset ??
        offset;
      node = pair.value;
      continue;
    }
    const next: unknown = node.items[Number(step)];
    if (next === undefined) break;
    offset = rangeStart(next) ?? offset;
    node = next;
  }
  return offset;
}

function keyText(key: unknown): string {
  return typeof key === "object" && key !== null && "value" in key ? String(key.value) : String(key);
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  return Array.isArray(node.range) && typeof node.range[0] === "number" ? node.range[0] : undefined;
}

/** The parser recurses, so nesting is bounded before it runs: flow brackets by count, block structure by indentation. */
function nestingProblem(text: string, file: string): Finding | undefined {
  let line = 0;
  let flowDepth = 0;
  for (const row of text.split("\n")) {
    line++;
    const content = row.replace(/(["'])(?:\\.|(?!\1).)*\1|#.*$/g, "");
    for (const char of content) {
      if (char === "[" || char === "{") flowDepth++;
      else if ((char === "]" || char === "}") && flowDepth > 0) flowDepth--;
      if (flowDepth > MAX_DEPTH) return tooDeepAt(file, line);
    }
    const dashes = /^[\s-]*/.exec(row)?.[0].match(/-/g)?.length ?? 0;
    if (dashes > MAX_DEPTH && !/^-+\s*$/.test(row)) return tooDeepAt(file, line);
    if (/^---/.test(row)) flowDepth = 0;
  }
  return undefined;
}

function tooDeepAt(file: string, line: number): Finding {
  return {
    rule: "PR101",
    severity: "error",
    message: `nested more than ${MAX_DEPTH} levels deep`,
    fix: "a policy document needs about eight levels; check for a missing bracket",
    position: { file, line, col: 1 },
  };
}
