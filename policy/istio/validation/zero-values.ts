import type { Schema } from "./crd.ts";
import { isFields } from "./node.ts";

/**
 * A value as Go decodes it into a typed object: null in a list or a map stands for the zero value of its type, and a
 * field that is null is not set at all. (Custom resources are decoded otherwise: there a null in a list stays.)
 */
export function withZeroValues(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    return value.map((item: unknown) => withZeroValues(item ?? zeroOf(items), items));
  }
  if (!isFields(value)) return value;
  const { additionalProperties, properties } = schema;
  const decoded = Object.entries(value).map(([key, item]) => {
    if (typeof additionalProperties === "object") return [key, item ?? zeroOf(additionalProperties)] as const;
    const child = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
    return [key, child === undefined ? item : withZeroValues(item, child)] as const;
  });
  return Object.fromEntries(decoded);
}

function zeroOf(schema: Schema): unknown {
  return schema.type === "object" ? {} : schema.type === "array" ? [] : schema.type === "string" ? "" : null;
}
