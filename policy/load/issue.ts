import type { z } from "zod";
import type { Finding } from "../finding.ts";
import type { Kind } from "../schema/index.ts";
import { knownKeys, unionOptions } from "./schema-lookup.ts";
import type { Path, RawDocument } from "./source.ts";
import { didYouMean } from "./suggest.ts";

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}

/** `spec.ports[0].port`, the way a person would write the path. */
export function pathText(path: Path): string {
  let text = "";
  for (const step of path) text += typeof step === "number" ? `[${step}]` : text === "" ? step : `.${step}`;
  return text === "" ? "the document" : text;
}

/** The findings for one problem that zod reports in a document of this kind. */
export function issueFindings(
  issue: z.core.$ZodIssue,
  kind: Kind,
  raw: RawDocument,
  prefix: Path = [],
): Finding[] {
  const root = raw.value;
  const path = [...prefix, ...issue.path.filter((step) => typeof step !== "symbol")];
  const position = raw.locate(path);
  const at = position ? { position } : {};
  const where = `\`${pathText(path)}\``;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const known = knownKeys(kind, path);
        const keyPosition = raw.locate([...path, key], "key");
        return {
          rule: "PR104",
          severity: "error",
          message: `unknown key "${key}" in ${where}${didYouMean(key, known)}`,
          fix: known.length > 0 ? `known keys: ${known.join(", ")}` : "remove it",
          ...(keyPosition && { position: keyPosition }),
        };
      });
    case "invalid_type": {
      const actual = valueAt(root, path);
      if (actual === undefined) {
        return [
          {
            rule: "PR105",
            severity: "error",
            message: `${where} is missing`,
            fix: `add it (${issue.expected})`,
            ...at,
          },
        ];
      }
      return [
        {
          rule: "PR106",
          severity: "error",
          message: `${where} must be ${article(issue.expected)}, but is ${describe(actual)}`,
          fix: quoteHint(issue.expected, actual),
          ...at,
        },
      ];
    }
    case "invalid_value": {
      const actual = valueAt(root, path);
      const values = issue.values.map(String);
      if (actual === undefined) {
        return [
          {
            rule: "PR105",
            severity: "error",
            message: `${where} is missing`,
            fix: `use one of ${values.join(", ")}`,
            ...at,
          },
        ];
      }
      return [
        {
          rule: "PR106",
          severity: "error",
          message: `${where} cannot be ${JSON.stringify(actual)}${didYouMean(String(actual), values)}`,
          fix: `use one of ${values.join(", ")}`,
          ...at,
        },
      ];
    }
    case "invalid_union": {
      // A discriminated union without a known discriminator says which values exist; a plain union names its best branch.
      const discriminator = "discriminator" in issue ? issue.discriminator : undefined;
      if (typeof discriminator === "string") {
        const options = unionOptions(kind, path, discriminator);
        const actual = valueAt(root, path);
        const hint = typeof actual === "string" ? didYouMean(actual, options) : "";
        const message =
          actual === undefined
            ? `${where} is missing`
            : `${where} cannot be ${JSON.stringify(actual)}${hint}`;
        return [
          {
            rule: actual === undefined ? "PR105" : "PR106",
            severity: "error",
            message,
            fix: `use one of ${options.join(", ")}`,
            ...at,
          },
        ];
      }
      const branches = issue.errors.filter((branch) => branch.length > 0);
      const deepest = branches.reduce<readonly z.core.$ZodIssue[]>(
        (best, branch) => (depth(branch) > depth(best) ? branch : best),
        branches[0] ?? [],
      );
      if (deepest.length === 0)
        return [{ rule: "PR106", severity: "error", message: `${where} has no valid form`, ...at }];
      return deepest.flatMap((inner) => issueFindings(inner, kind, raw, path));
    }
    case "invalid_key":
    case "invalid_element":
      return issue.issues.flatMap((inner) => issueFindings(inner, kind, raw, path));
    default: {
      const actual = valueAt(root, path);
      const shown =
        typeof actual === "string" || typeof actual === "number" ? ` (${JSON.stringify(actual)})` : "";
      return [
        {
          rule: "PR107",
          severity: "error",
          message: `${where}${shown}: ${issue.message}`,
          fix: "correct the value",
          ...at,
        },
      ];
    }
  }
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(
    0,
    ...issues.map((issue) => issue.path.length + (issue.code === "unrecognized_keys" ? 1 : 0)),
  );
}

function describe(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return `the ${typeof value} ${JSON.stringify(value)}`;
}

function article(expected: string): string {
  const names: Record<string, string> = {
    array: "a list",
    object: "a mapping",
    record: "a mapping",
    int: "a whole number",
  };
  return names[expected] ?? `a ${expected}`;
}

function quoteHint(expected: string, actual: unknown): string {
  if (expected === "string" && (typeof actual === "number" || typeof actual === "boolean"))
    return `put it in quotes: "${actual}"`;
  if (expected === "number" && typeof actual === "string") return "write it without quotes";
  if (expected === "array") return "write a list: start each entry with '- ', or use [ ]";
  return `write ${article(expected)}`;
}
