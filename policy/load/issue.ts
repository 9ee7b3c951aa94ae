import type { z } from "zod";
import type { Finding } from "../finding.ts";
import type { Kind } from "../schema/index.ts";
import { descriptionAt, knownKeys, unionOptions } from "./schema-lookup.ts";
import { cut, show } from "./show.ts";
import type { Path, RawDocument } from "./source.ts";
import { didYouMean, nearest } from "./suggest.ts";

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
          message: `unknown key "${cut(key)}" in ${where}${didYouMean(key, known)}`,
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
          fix: typeHint(issue.expected, actual, raw.written?.(path), descriptionAt(kind, path)),
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
          message: `${where} cannot be ${show(actual)}${typeof actual === "string" ? didYouMean(actual, values) : ""}`,
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
            ? `${where} is missing${misspelt(valueAt(root, path.slice(0, -1)), discriminator)}`
            : `${where} cannot be ${show(actual)}${hint}`;
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
      const shown = typeof actual === "string" || typeof actual === "number" ? ` (${show(actual)})` : "";
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

/** The key that was probably meant as this one: a union without its discriminator does not list its unknown keys. */
function misspelt(value: unknown, key: string): string {
  if (typeof value !== "object" || value === null) return "";
  const written = nearest(key, Object.keys(value));
  return written === undefined ? "" : `; \`${written}\` is written: did you mean \`${key}\`?`;
}

function describe(value: unknown): string {
  if (value === null) return "empty";
  const primitive = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return primitive ? `the ${typeof value} ${show(value)}` : show(value);
}

function article(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    array: "a list",
    object: "a mapping",
    record: "a mapping",
    int: "a whole number",
  };
  return names[expected] ?? `a ${expected}`;
}

/** @param written - the value as its author wrote it: 1.30 is the number 1.3, and quoting that would be another mistake */
function typeHint(
  expected: string,
  actual: unknown,
  written: string | undefined,
  about: string | undefined,
): string {
  if (expected === "string" && (typeof actual === "number" || typeof actual === "boolean"))
    return `put it in quotes: "${cut(written ?? String(actual))}"`;
  if (
    expected === "number" &&
    typeof actual === "string" &&
    actual.trim() !== "" &&
    Number.isFinite(Number(actual))
  )
    return "write it without quotes";
  if (expected === "boolean") return "write true or false";
  if (expected === "array") return "write a list: start each entry with '- ', or use [ ]";
  return `write ${article(expected)}${about === undefined ? "" : `: ${about}`}`;
}
