import { refNames } from "../../policy/schema/index.ts";
import { CliError } from "../exit.ts";

/** What `${ref:NAME}` stands for, by name. */
export type RefValues = ReadonlyMap<string, string>;

/**
 * Reads `name=value` options.
 * @throws CliError for one without a name, and for a value that would break the JSON text it may stand in.
 */
export function refValues(options: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const option of options) {
    const equals = option.indexOf("=");
    if (equals <= 0) throw new CliError(`--ref "${option}": write name=value`);
    const value = option.slice(equals + 1);
    // The proxy's configuration is JSON within a ConfigMap: a quote in a value would end its text.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
    if (/["\\\u0000-\u001f]/.test(value)) {
      throw new CliError(
        `--ref ${option.slice(0, equals)}: a value has no quotes, backslashes or control characters`,
      );
    }
    values.set(option.slice(0, equals), value);
  }
  return values;
}

/** Plain data with every known `${ref:NAME}` replaced, also in keys; the names of the others are added to `missing`. */
export function withValues(data: unknown, values: RefValues, missing: Set<string>): unknown {
  if (typeof data === "string") return replace(data, values, missing);
  if (Array.isArray(data)) return data.map((item) => withValues(item, values, missing));
  if (typeof data !== "object" || data === null) return data;
  const entries = Object.entries(data).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => [replace(key, values, missing), withValues(item, values, missing)]),
  );
}

function replace(text: string, values: RefValues, missing: Set<string>): string {
  let result = text;
  for (const name of refNames(text)) {
    const value = values.get(name);
    const written = `\${ref:${name}}`;
    if (value === undefined) missing.add(name);
    // Within an ARN or a condition key, an OIDC issuer is written without its scheme.
    else
      result = result.replaceAll(written, () =>
        text === written ? value : value.replace(/^https:\/\//, ""),
      );
  }
  return result;
}
