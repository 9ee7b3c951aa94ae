import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type * as z from "zod";
import { type Finding, PolicyError, type Position } from "../../finding.ts";
import { type ProxyConfig, proxyConfigSchema } from "./config.ts";

/** A larger file than this is refused before it is parsed: the proxy must not be stopped by one. */
const MAX_CONFIG_CHARS = 64 * 1024 * 1024;

/**
 * Parses a proxy configuration, YAML or JSON (which is YAML). Refused whole when anything is wrong.
 *
 * @param text the file's content
 * @param file its name, for messages
 * @throws PolicyError with every problem and its position: PR180 for text that is not YAML, PR181 for a wrong field
 */
export function parseProxyConfig(text: string, file: string): ProxyConfig {
  if (text.length > MAX_CONFIG_CHARS) {
    throw new PolicyError([
      {
        rule: "PR180",
        severity: "error",
        message: `the configuration is ${text.length} characters long; the bound is ${MAX_CONFIG_CHARS}`,
        position: { file, line: 1, col: 1 },
      },
    ]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), col: Math.max(col, 1) };
  };
  if (document.errors.length > 0) {
    throw new PolicyError(
      document.errors.map((error) => ({
        rule: "PR180",
        severity: "error",
        message: `not valid YAML: ${error.message}`,
        position: at(error.pos[0]),
      })),
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new PolicyError(
      [{ rule: "PR180", severity: "error", message: `not valid YAML: ${message}`, position: at(0) }],
      { cause: error },
    );
  }
  const result = proxyConfigSchema.safeParse(value);
  if (result.success) return result.data;
  const root = document.contents;
  throw new PolicyError(
    result.error.issues.flatMap((issue) => findings(issue, (path) => at(offsetOf(root, path)))),
  );
}

function findings(issue: z.core.$ZodIssue, where: (path: readonly PropertyKey[]) => Position): Finding[] {
  // zod reports unknown keys at their parent: point at each key itself, where the typing error is.
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => finding([...issue.path, key], "there is no such field", where));
  }
  return [finding(issue.path, issue.message, where)];
}

function finding(
  path: readonly PropertyKey[],
  message: string,
  where: (path: readonly PropertyKey[]) => Position,
): Finding {
  return {
    rule: "PR181",
    severity: "error",
    message: `${formatPath(path)}: ${message}`,
    position: where(path),
  };
}

function formatPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    text += typeof key === "number" ? `[${key}]` : text === "" ? String(key) : `.${String(key)}`;
  }
  return text === "" ? "the configuration" : text;
}

/** Offset of the deepest node on the path that exists in the text; a map's entry is found at its key. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!isPair(pair) || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === "number") {
      node = node.items[key];
      if (!isMap(node) && !isSeq(node) && !isScalar(node)) return offset;
      offset = node.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}
