import { type Document, isCollection, isNode, LineCounter, parseAllDocuments, visit } from "yaml";
import type { Finding, Position } from "../../policy/finding.ts";
import { type PolicyFile, readPolicyFiles } from "../../policy/load/files.ts";

type Path = readonly PropertyKey[];

/** The Kubernetes objects of files, with where they are written. */
export interface Manifests {
  readonly objects: readonly unknown[];
  /** Where the value at a path is written: the index of the object, then keys and indexes down to a field. */
  positionOf(path: Path): Position;
  /** What could not be read. */
  readonly findings: readonly Finding[];
}

interface Source {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/**
 * Reads files, and every YAML and JSON file of folders. What is not a Kubernetes object (`values.yaml`, a
 * `package.json`) is passed over; what is not YAML is told, as it could be a policy.
 */
export function readManifests(paths: readonly string[]): Manifests {
  const { files, findings } = readPolicyFiles(paths);
  return parseManifests(files, findings);
}

/** The same for texts that were read already; `findings` is what was wrong with reading them. */
export function parseManifests(files: readonly PolicyFile[], findings: readonly Finding[] = []): Manifests {
  const sources: Source[] = [];
  const objects: unknown[] = [];
  const problems: Finding[] = [...findings];
  for (const file of files) {
    const lines = new LineCounter();
    const documents = parseAllDocuments(file.text, { lineCounter: lines, merge: true, logLevel: "error" });
    if (!Array.isArray(documents)) continue;
    for (const document of documents) {
      const [error] = [
        ...document.errors.map(({ pos: [at], message }) => ({ at, message })),
        ...unlikeJson(document),
      ];
      if (error !== undefined) {
        problems.push(notYaml(file, lines, error.at, error.message));
        continue;
      }
      const value: unknown = document.toJS();
      if (!isKubernetes(value)) continue;
      sources.push({ file: file.name, document, lines });
      objects.push(value);
    }
  }
  return { objects, findings: problems, positionOf: (at) => positionIn(sources, at) };
}

function isKubernetes(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    typeof value.kind === "string" &&
    "apiVersion" in value &&
    typeof value.apiVersion === "string"
  );
}

/** YAML can have a list or map as a key, JSON cannot; where one is written, it is a template (`name: {{ .Name }}`). */
function unlikeJson(document: Document): { at: number; message: string }[] {
  const found: { at: number; message: string }[] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (isCollection(key)) found.push({ at: key.range?.[0] ?? 0, message: "a key is a text" });
    },
  });
  return found;
}

function notYaml(file: PolicyFile, lines: LineCounter, offset: number, reason: string): Finding {
  const [summary = ""] = reason.split("\n");
  return {
    rule: "PR190",
    severity: "error",
    message: `not valid YAML: ${summary.replace(/ at line \d+, column \d+:?$/, "")}`,
    ...(file.text.includes("{{") ? { fix: "render the templates first, e.g. with `helm template`" } : {}),
    position: { file: file.name, ...lineAndColumn(lines, offset) },
  };
}

function positionIn(sources: readonly Source[], [index, ...path]: Path): Position {
  const source = typeof index === "number" ? sources[index] : undefined;
  if (source === undefined) return { file: "", line: 1, col: 1 };
  const { file, document, lines } = source;
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return { file, ...lineAndColumn(lines, node.range[0]) };
  }
  return { file, line: 1, col: 1 };
}

function lineAndColumn(lines: LineCounter, offset: number): { line: number; col: number } {
  const { line, col } = lines.linePos(offset);
  return { line, col };
}
