import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type ScalarTag,
} from "yaml";
import type { Position } from "../../policy/finding.ts";
import type { Path } from "../../policy/istio/validation/index.ts";
import { CliError } from "../exit.ts";

type Locate = (path: Path, onKey?: boolean) => Position;

/** One object of a file, with where its parts are written. */
export interface Manifest {
  readonly object: unknown;
  /** Where the value at this path (or its key) is written; what encloses it where it is not written at all. */
  readonly locate: Locate;
}

/** Something in a file that is no YAML, or that Kubernetes does not read as YAML. */
export interface SyntaxProblem {
  readonly position: Position;
  readonly message: string;
}

export interface ManifestFile {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly SyntaxProblem[];
}

const EXTENSIONS = /\.(?:ya?ml|json)$/;

/**
 * The files that are meant: a file as it is, a folder with every YAML and JSON file in it, `-` for standard input.
 * @throws CliError for a path that cannot be read.
 */
export function findFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (path === "-") return [path];
    try {
      if (!statSync(path).isDirectory()) return [path];
      const found = readdirSync(path, { recursive: true, withFileTypes: true });
      const files = found.filter((entry) => entry.isFile() && EXTENSIONS.test(entry.name));
      return files.map((entry) => join(entry.parentPath, entry.name)).sort();
    } catch (cause) {
      throw unreadable(path, cause);
    }
  });
}

/** Reads a file of YAML or JSON documents; a `List` counts as its items. @throws CliError when it cannot be read. */
export function readManifests(path: string): ManifestFile {
  const file = path === "-" ? "<stdin>" : path;
  try {
    return parseManifests(readFileSync(path === "-" ? 0 : path, "utf8"), file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(path: string, cause: unknown): CliError {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  const reason = missing ? "no such file or folder" : cause instanceof Error ? cause.message : String(cause);
  return new CliError(`cannot read ${path}: ${reason}`, undefined, { cause });
}

/** kubectl and istioctl still read YAML 1.1: `on` and `yes` without quotes are booleans, in a label too. */
const yes: ScalarTag = {
  default: true,
  tag: "tag:yaml.org,2002:bool",
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON)$/,
  resolve: () => true,
};
const no: ScalarTag = {
  default: true,
  tag: "tag:yaml.org,2002:bool",
  test: /^(?:n|N|no|No|NO|off|Off|OFF)$/,
  resolve: () => false,
};

/** The objects in a text, and what is wrong with its syntax. */
export function parseManifests(text: string, file: string): ManifestFile {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), col: Math.max(col, 1) };
  };
  const documents = parseAllDocuments(text.replace(/^\uFEFF/, " "), {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    logLevel: "silent",
    customTags: (tags) => [yes, no, ...tags],
  });
  const manifests: Manifest[] = [];
  const problems: SyntaxProblem[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const { pos, message } of document.errors)
      problems.push({ position: at(pos[0]), message: `not valid YAML: ${message.split("\n")[0]}` });
    if (document.errors.length > 0 || document.contents === null) continue;
    const object = toObject(document);
    if (object instanceof Error) problems.push({ position: at(document.range[0]), message: object.message });
    else if (object !== null)
      manifests.push(...unpack(object, (path, onKey) => at(offsetOf(document, path, onKey ?? false))));
  }
  return { manifests, problems };
}

function toObject(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch (cause) {
    return new Error(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** A `List` as kubectl prints it is the objects in it. */
function unpack(object: unknown, locate: Locate): readonly Manifest[] {
  const isList = typeof object === "object" && object !== null && "kind" in object && object.kind === "List";
  if (!isList || !("items" in object) || !Array.isArray(object.items)) return [{ object, locate }];
  return object.items.flatMap((item: unknown, index) =>
    unpack(item, (path, onKey) => locate(["items", index, ...path], onKey)),
  );
}

/** The offset of a scalar value, or else of the key it is written at; of what encloses it where it is not written. */
function offsetOf(document: Document.Parsed, path: Path, onKey: boolean): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const step = path[length - 1];
    if (isMap<ParsedNode, ParsedNode | null>(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) continue;
      const node =
        !(onKey && length === path.length) && isScalar(pair.value) && pair.value.value !== null
          ? pair.value
          : pair.key;
      return node.range[0];
    }
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range[0] ?? document.range[0];
}
