/** What differs between two sets of inputs, property by property, in the engine's notation of a path. */
import { isProps, type Props, type Value } from "./values.ts";

export type Kind = "add" | "delete" | "update";

export interface Difference {
  /** Keys and array positions from the top. */
  readonly path: readonly (string | number)[];
  readonly kind: Kind;
}

export function differences(old: Props, now: Props): Difference[] {
  const found: Difference[] = [];
  compare([], old, now, found);
  return found;
}

function compare(
  path: readonly (string | number)[],
  old: Value | undefined,
  now: Value | undefined,
  found: Difference[],
): void {
  if (old === undefined && now === undefined) return;
  if (old === undefined || now === undefined) {
    found.push({ path, kind: old === undefined ? "add" : "delete" });
  } else if (Array.isArray(old) && Array.isArray(now)) {
    for (let i = 0; i < Math.max(old.length, now.length); i++) compare([...path, i], old[i], now[i], found);
  } else if (isProps(old) && isProps(now)) {
    for (const key of [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()) {
      // `__…` keys are a provider's own notes, not something a user wrote.
      if (!key.startsWith("__")) compare([...path, key], old[key], now[key], found);
    }
  } else if (old !== now) {
    found.push({ path, kind: "update" });
  }
}

/** `spec.rules[0].to`, and `labels["app.kubernetes.io/name"]` for a key that is not a plain word. */
export function pathText(path: readonly (string | number)[]): string {
  return path
    .map((part, i) => {
      if (typeof part === "number") return `[${part}]`;
      if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(part)) return i === 0 ? part : `.${part}`;
      return `[${JSON.stringify(part)}]`;
    })
    .join("");
}
