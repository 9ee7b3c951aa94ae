import * as pulumi from "@pulumi/pulumi";
import { hasRef, refNames } from "../../policy/schema/index.ts";
import type { Refs } from "../leaves.ts";

/**
 * What may stand for a reference. Quotes, backslashes and control characters could end the JSON or YAML text that a
 * value is put into, and so widen a policy; endpoints, ARNs and ids have none.
 */
const SAFE_VALUE = /^[^"'\\\p{Cc}]+$/u;

/** The names of all references in a target object, keys included. */
export function refsIn(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof value === "string") for (const name of refNames(value)) found.add(name);
  else if (Array.isArray(value)) for (const item of value) refsIn(item, found);
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      refsIn(key, found);
      refsIn(item, found);
    }
  }
  return found;
}

/** Puts the values of references into an object's leaves. Leaves without one stay plain, so a preview shows them. */
export function resolveLeaves(value: unknown, refs: Refs): unknown {
  if (typeof value === "string") return hasRef(value) ? resolveText(value, refs) : value;
  if (Array.isArray(value)) return value.map((item) => resolveLeaves(item, refs));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveLeaves(item, refs)]));
}

/** Text with each `${ref:NAME}` replaced by its value. `adapt` may change a value for the place it goes to. */
export function resolveText(
  text: string,
  refs: Refs,
  adapt: (value: string) => string = (value) => value,
): pulumi.Output<string> {
  const names = [...new Set(refNames(text))];
  return pulumi.all(names.map((name) => pulumi.output(refs[name] ?? ""))).apply((values) =>
    names.reduce((result, name, index) => {
      const value: unknown = values[index];
      if (typeof value !== "string" || !SAFE_VALUE.test(value)) {
        throw new Error(
          `the value of \${ref:${name}} must be text without quotes, backslashes or control characters`,
        );
      }
      return result.replaceAll(`\${ref:${name}}`, () => adapt(value));
    }, text),
  );
}
