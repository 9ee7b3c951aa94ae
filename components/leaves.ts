import * as pulumi from "@pulumi/pulumi";
import { ref } from "../policy/schema/index.ts";

/**
 * The same shape with every text leaf open to an Output: an RDS endpoint, a role ARN. Structure (lists, keys, ports,
 * literals such as `protocol`) stays plain data, so that a preview is exact.
 */
export type LeafInput<T> = T extends string
  ? string extends T
    ? pulumi.Input<string>
    : T
  : T extends readonly (infer Item)[]
    ? readonly LeafInput<Item>[]
    : T extends object
      ? { [K in keyof T]: LeafInput<T[K]> }
      : T;

/** Values that policies mention as `${ref:NAME}`, known only to the deployment. */
export type Refs = Readonly<Record<string, pulumi.Input<string>>>;

/** Replaces every Output (or promise) in `value` by a `${ref:…}` of its path, and collects what the references stand for. */
export function captureLeaves(
  value: unknown,
  path: string,
  refs: Record<string, pulumi.Input<string>>,
): unknown {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) {
    refs[path] = value as pulumi.Input<string>;
    return ref(path);
  }
  if (Array.isArray(value)) return value.map((item, index) => captureLeaves(item, `${path}.${index}`, refs));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, captureLeaves(item, `${path}.${refName(key)}`, refs)]),
  );
}

/** A path part as a reference's name may hold it. */
export function refName(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, "_");
}
