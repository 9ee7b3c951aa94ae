import { type Dirent, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { compareText, type Finding, type Severity } from "../finding.ts";

/** A policy file larger than this is refused unread; ten thousand services fit into a few files of this size. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** `*.test.yaml` beside policies holds questions about them, for `portreeve test`. */
const POLICY_FILE = /(?<!\.test)\.(ya?ml|json)$/;
const MAX_FOLDER_DEPTH = 32;

export interface PolicyFile {
  /** As the user named it, or the folder they named joined with the file's place in it. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads files, and folders recursively (`*.yaml`, `*.yml`, `*.json`; hidden entries and `node_modules` are passed
 * over). Links are followed, each file and folder is read once. What cannot be read becomes a finding; nothing is
 * read beyond {@link MAX_FILE_BYTES}.
 */
export function readPolicyFiles(paths: readonly string[]): { files: PolicyFile[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const files: PolicyFile[] = [];
  const seen = new Set<string>();
  for (const path of paths) {
    for (const name of listFiles(path, 0, seen, findings)) {
      const text = readOne(name, findings);
      if (text !== undefined) files.push({ name, text });
    }
  }
  return { files, findings };
}

function problem(
  findings: Finding[],
  file: string,
  message: string,
  fix: string,
  severity: Severity = "error",
): void {
  findings.push({ rule: "PR100", severity, message, fix, position: { file, line: 1, col: 1 } });
}

/** @param seen - real paths met so far: a link that leads back would otherwise never end, or end in duplicate names */
function listFiles(path: string, depth: number, seen: Set<string>, findings: Finding[]): string[] {
  try {
    const stat = statSync(path);
    const real = realpathSync(path);
    if (seen.has(real)) return [];
    seen.add(real);
    if (stat.isFile()) return [path];
    if (stat.isDirectory()) return listFolder(path, depth, seen, findings);
    problem(findings, path, "is neither a file nor a folder", "name a policy file or a folder of them");
  } catch (error) {
    problem(findings, path, `cannot be read: ${errno(error)}`, "check the path");
  }
  return [];
}

function listFolder(path: string, depth: number, seen: Set<string>, findings: Finding[]): string[] {
  if (depth > MAX_FOLDER_DEPTH) {
    problem(findings, path, "folders are nested too deeply here", "name a smaller folder");
    return [];
  }
  const before = findings.length;
  const files = readdirSync(path, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith(".") && entry.name !== "node_modules")
    .map((entry) => ({ entry, path: join(path, entry.name) }))
    .filter(
      ({ entry, path }) => POLICY_FILE.test(entry.name) || entry.isDirectory() || isLinkToFolder(entry, path),
    )
    .sort((a, b) => compareText(a.path, b.path))
    .flatMap((inner) => listFiles(inner.path, depth + 1, seen, findings));
  if (depth === 0 && files.length === 0 && findings.length === before) {
    problem(
      findings,
      path,
      "holds no *.yaml, *.yml or *.json file that is not read already",
      "name the folder with the policies",
    );
  }
  return files;
}

/** A linked folder counts: to leave it out would silently lose its denies. A broken link is no folder. */
function isLinkToFolder(entry: Dirent, path: string): boolean {
  return entry.isSymbolicLink() && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

function readOne(name: string, findings: Finding[]): string | undefined {
  let bytes: Buffer;
  try {
    const size = statSync(name).size;
    if (size > MAX_FILE_BYTES) {
      problem(
        findings,
        name,
        `is ${(size / 1024 / 1024).toFixed(0)} MiB; a policy file has at most ${MAX_FILE_BYTES / 1024 / 1024} MiB`,
        "split the file",
      );
      return undefined;
    }
    bytes = readFileSync(name);
  } catch (error) {
    problem(findings, name, `cannot be read: ${errno(error)}`, "check the file's permissions");
    return undefined;
  }
  if (bytes.includes(0)) {
    problem(findings, name, "is a binary file", "name YAML or JSON files only");
    return undefined;
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    problem(findings, name, "is not valid UTF-8", "save it as UTF-8");
    return undefined;
  }
  if (text.trim() === "") {
    problem(findings, name, "is empty", "write a policy document, or remove the file");
    return undefined;
  }
  return text;
}

function errno(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const texts: Readonly<Record<string, string>> = {
    ENOENT: "no such file or folder",
    EACCES: "permission denied",
    ELOOP: "a link that leads to itself",
    EISDIR: "it is a folder",
  };
  return texts[code] ?? (error instanceof Error ? error.message : String(error));
}
