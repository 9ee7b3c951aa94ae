import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { compareText, type Finding, type Severity } from "../finding.ts";

/** A policy file larger than this is refused unread; ten thousand services fit into a few files of this size. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
const POLICY_FILE = /\.(ya?ml|json)$/;
const MAX_FOLDER_DEPTH = 32;

export interface PolicyFile {
  /** As the user named it, or the folder they named joined with the file's place in it. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads files, and folders recursively (`*.yaml`, `*.yml`, `*.json`; hidden entries and `node_modules` are passed
 * over). What cannot be read becomes a finding; nothing is read beyond {@link MAX_FILE_BYTES}.
 */
export function readPolicyFiles(paths: readonly string[]): { files: PolicyFile[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const files: PolicyFile[] = [];
  for (const path of paths) {
    for (const name of listFiles(path, 0, findings)) {
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

function listFiles(path: string, depth: number, findings: Finding[]): string[] {
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(path);
  } catch (error) {
    problem(findings, path, `cannot be read: ${errno(error)}`, "check the path");
    return [];
  }
  if (stat.isFile()) return [path];
  if (!stat.isDirectory()) {
    problem(findings, path, "is neither a file nor a folder", "name a policy file or a folder of them");
    return [];
  }
  if (depth > MAX_FOLDER_DEPTH) {
    problem(
      findings,
      path,
      "folders are nested too deeply here (a link that leads back?)",
      "name a smaller folder",
    );
    return [];
  }
  const entries = readdirSync(path, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith(".") && entry.name !== "node_modules")
    .filter((entry) => entry.isDirectory() || POLICY_FILE.test(entry.name))
    .map((entry) => join(path, entry.name))
    .sort(compareText);
  if (entries.length === 0 && depth === 0)
    problem(findings, path, "holds no *.yaml, *.yml or *.json file", "name the folder with the policies");
  return entries.flatMap((entry) => listFiles(entry, depth + 1, findings));
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
