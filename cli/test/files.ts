import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isNode, LineCounter, parseDocument } from "yaml";
import { type Finding, PolicyError, type Position } from "../../policy/finding.ts";
import { accessCaseFile, type PlacedCase } from "../../testing/cases.ts";
import { CliError } from "../exit.ts";

const TEST_FILE = /\.test\.(ya?ml|json)$/;

/**
 * The cases of a file, or of every `*.test.yaml` of a folder.
 *
 * @throws PolicyError with the position of every case that is not one; CliError when there is none at all
 */
export function readCases(paths: readonly string[]): PlacedCase[] {
  const findings: Finding[] = [];
  const cases = paths.flatMap(testFiles).flatMap((file) => readFile(file, findings));
  if (findings.length > 0) throw new PolicyError(findings);
  if (cases.length === 0) {
    throw new CliError(
      `${paths.join(", ")}: no test case; write some into a file named *.test.yaml, such as\n` +
        '  - { from: shop/api, to: "orders-db:5432", expect: allow }',
    );
  }
  return cases;
}

/** Whether the user named a file of tests itself. */
export function isTestFile(path: string): boolean {
  return TEST_FILE.test(path);
}

function testFiles(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return isTestFile(path) ? [path] : [];
  const isHidden = ({ name }: Dirent): boolean => name.startsWith(".") || name === "node_modules";
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !isHidden(entry))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() || isTestFile(entry.name) ? testFiles(join(path, entry.name)) : [],
    );
}

function readFile(file: string, findings: Finding[]): PlacedCase[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CliError(
      `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      undefined,
      {
        cause,
      },
    );
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: "error" });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line, col };
  };
  const wrong = (message: string, position: Position): void => {
    findings.push({ rule: "PR190", severity: "error", message, position });
  };
  const [error] = document.errors;
  if (error) {
    wrong(`not valid YAML: ${error.message.split("\n")[0]}`, at(error.pos[0]));
    return [];
  }
  const locate = (path: readonly PropertyKey[]): Position => {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return at(0);
  };
  const read = accessCaseFile.safeParse(document.toJS());
  if (!read.success) {
    for (const issue of read.error.issues) {
      for (const { path, message } of leaves(issue, [])) wrong(message, locate(path));
    }
    return [];
  }
  if (Array.isArray(read.data)) {
    return read.data.map((each, index) => ({ case: each, position: locate([index]) }));
  }
  const { at: instant, cases } = read.data;
  return cases.map((each, index) => ({
    case: instant === undefined || each.at !== undefined ? each : { ...each, at: instant },
    position: locate(["cases", index]),
  }));
}

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly errors?: readonly (readonly Issue[])[];
}

/** A union says only that no form fits; what is wrong, the form that came furthest says. */
function leaves(
  issue: Issue,
  above: readonly PropertyKey[],
): { path: readonly PropertyKey[]; message: string }[] {
  const path = [...above, ...issue.path];
  const depth = (list: readonly Issue[]): number => Math.max(0, ...list.map((inner) => inner.path.length));
  const [deepest] = [...(issue.errors ?? [])].sort((a, b) => depth(b) - depth(a));
  if (!deepest || depth(deepest) === 0) return [{ path, message: issue.message }];
  return deepest.flatMap((inner) => leaves(inner, path));
}
