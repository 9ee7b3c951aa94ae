import type { Schema } from "./crd.ts";
import { isFields, type Node, root } from "./node.ts";
import type { Report } from "./report.ts";

/** What the API server itself owns at the root of an object: never pruned. `status` is dropped on create. */
const ROOT_FIELDS = new Set(["apiVersion", "kind", "metadata", "status"]);

/**
 * The object as the API server stores it on create: without `status`, and without the nulls of fields that are not
 * nullable. Reports every field that the schema does not know: `kubectl` asks for strict field validation and
 * server-side apply knows no other, so such an object is refused.
 */
export function prepare(object: Readonly<Record<string, unknown>>, schema: Schema, report: Report): Node {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    if (ROOT_FIELDS.has(key)) {
      if (key !== "status") out[key] = value;
      continue;
    }
    const child = schema.properties?.[key];
    if (child === undefined)
      unknownField({ value, path: [key] }, Object.keys(schema.properties ?? {}), report);
    else if (value !== null || child.nullable) out[key] = prune({ value, path: [key] }, child, report);
  }
  return root(out);
}

function prune(node: Node, schema: Schema, report: Report): unknown {
  const { value, path } = node;
  if (Array.isArray(value)) {
    const child = schema.items;
    if (child === undefined) return value;
    return value.map((item: unknown, index) => prune({ value: item, path: [...path, index] }, child, report));
  }
  if (!isFields(value)) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const itemNode = { value: item, path: [...path, key] };
    const child = fieldSchema(schema, key);
    if (child !== undefined) {
      if (item !== null || child.nullable) out[key] = prune(itemNode, child, report);
    } else if (schema["x-kubernetes-preserve-unknown-fields"] || schema.additionalProperties === true) {
      out[key] = item;
    } else {
      unknownField(itemNode, Object.keys(schema.properties ?? {}), report);
    }
  }
  return out;
}

function fieldSchema(schema: Schema, key: string): Schema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

function unknownField(node: Node, known: readonly string[], report: Report): void {
  const name = String(node.path.at(-1));
  const close = known.find((candidate) => looksLike(candidate, name));
  report.errorOnKey(
    node,
    close === undefined
      ? `unknown field ${JSON.stringify(name)}; remove it (known here: ${known.toSorted().join(", ") || "none"})`
      : `unknown field ${JSON.stringify(name)}; did you mean ${JSON.stringify(close)}?`,
  );
}

/** Whether two names differ in case, separators or a plural only: the mistakes that unknown fields are made of. */
function looksLike(candidate: string, name: string): boolean {
  const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_]/g, "").replace(/e?s$/, "");
  return plain(candidate) === plain(name);
}
