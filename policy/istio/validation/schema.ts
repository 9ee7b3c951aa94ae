import type { Schema } from "./crd.ts";
import { at, entries, isFields, items, type Node } from "./node.ts";
import { Report } from "./report.ts";

const patterns = new Map<string, RegExp>();

/** Checks a value against its structural schema as the API server does, without the rules in CEL. */
export function checkSchema(node: Node, schema: Schema, report: Report): void {
  if (node.value === null) {
    if (schema.type !== undefined && !schema.nullable)
      report.error(node, `must be ${article(schema.type)}, not null`);
    return;
  }
  if (!checkType(node, schema, report)) return;
  checkScalar(node, schema, report);
  if (Array.isArray(node.value)) checkArray(node, node.value.length, schema, report);
  else if (isFields(node.value)) checkObject(node, node.value, schema, report);
  checkAlternatives(node, schema, report);
}

function checkType(node: Node, schema: Schema, report: Report): boolean {
  const { value } = node;
  const matches = (type: string): boolean => {
    switch (type) {
      case "object":
        return isFields(value);
      case "array":
        return Array.isArray(value);
      case "integer":
        return typeof value === "number" && Number.isInteger(value);
      default:
        return typeof value === type;
    }
  };
  if (schema.type === undefined || matches(schema.type)) return true;
  report.error(node, `must be ${article(schema.type)}, not ${describe(value)}`);
  return false;
}

function checkScalar(node: Node, schema: Schema, report: Report): void {
  const { value } = node;
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    report.error(
      node,
      `${JSON.stringify(value)} is not one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`,
    );
  }
  if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum)
      report.error(node, `${value} is less than ${schema.minimum}`);
    if (schema.maximum !== undefined && value > schema.maximum)
      report.error(node, `${value} is greater than ${schema.maximum}`);
    if (
      schema.format === "int32" &&
      schema.maximum === undefined &&
      (value > 2147483647 || value < -2147483648)
    ) {
      report.error(node, `${value} does not fit in 32 bits`);
    }
  }
  if (typeof value === "string") {
    const length = [...value].length;
    if (schema.minLength !== undefined && length < schema.minLength) {
      report.error(node, `must be at least ${schema.minLength} characters long`);
    }
    if (schema.maxLength !== undefined && length > schema.maxLength) {
      report.error(node, `is ${length} characters long; at most ${schema.maxLength} are allowed`);
    }
    if (schema.pattern !== undefined && !pattern(schema.pattern).test(value)) {
      report.error(node, `${JSON.stringify(value)} does not match ${schema.pattern}`);
    }
    if (
      schema.format === "byte" &&
      !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
    ) {
      report.error(node, "must be base64");
    }
  }
}

function checkArray(node: Node, length: number, schema: Schema, report: Report): void {
  if (schema.minItems !== undefined && length < schema.minItems) {
    report.error(node, `must have at least ${schema.minItems} ${schema.minItems === 1 ? "item" : "items"}`);
  }
  if (schema.maxItems !== undefined && length > schema.maxItems) {
    report.error(node, `has ${length} items; at most ${schema.maxItems} are allowed`);
  }
  if (schema["x-kubernetes-list-type"] === "map")
    checkListMap(node, schema["x-kubernetes-list-map-keys"] ?? [], report);
  if (schema.items === undefined) return;
  for (const item of items(node)) checkSchema(item, schema.items, report);
}

/** A list that is a map by some fields of its items: no two items may agree in all of them. */
function checkListMap(node: Node, keys: readonly string[], report: Report): void {
  const seen = new Set<string>();
  for (const item of items(node)) {
    const identity = JSON.stringify(keys.map((key) => at(item, key).value ?? null));
    if (seen.has(identity)) report.error(item, `has the same ${keys.join(" and ")} as an item before it`);
    seen.add(identity);
  }
}

function checkObject(
  node: Node,
  value: Readonly<Record<string, unknown>>,
  schema: Schema,
  report: Report,
): void {
  const count = Object.keys(value).length;
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    report.error(node, `must have at least ${schema.minProperties} entries`);
  }
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    report.error(node, `has ${count} entries; at most ${schema.maxProperties} are allowed`);
  }
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) report.error(at(node, name), "is required");
  }
  for (const [key, child] of entries(node)) {
    const known = schema.properties;
    if (known !== undefined && Object.hasOwn(known, key)) {
      const childSchema = known[key];
      if (childSchema !== undefined) checkSchema(child, childSchema, report);
    } else if (typeof schema.additionalProperties === "object") {
      checkSchema(child, schema.additionalProperties, report);
    }
  }
}

function checkAlternatives(node: Node, schema: Schema, report: Report): void {
  if (schema.anyOf !== undefined && !schema.anyOf.some((one) => accepts(node, one))) {
    report.error(node, `needs at least one of ${alternatives(schema.anyOf)}`);
  }
  if (schema.oneOf !== undefined) {
    const accepted = schema.oneOf.filter((one) => accepts(node, one));
    if (accepted.length > 1) report.error(node, `may set only one of ${alternatives(schema.oneOf)}`);
    if (accepted.length === 0)
      report.error(node, `may set at most one of ${alternatives(schema.oneOf)}, and that in full`);
  }
  for (const one of schema.allOf ?? []) checkSchema(node, one, report);
  if (schema.not !== undefined && accepts(node, schema.not)) {
    report.error(node, `must not be combined like this: ${alternatives([schema.not])}`);
  }
}

function accepts(node: Node, schema: Schema): boolean {
  const scratch = new Report();
  checkSchema(node, schema, scratch);
  return !scratch.failed;
}

function alternatives(schemas: readonly Schema[]): string {
  const names = schemas.flatMap((schema) => [
    ...(schema.required ?? []),
    ...(schema.anyOf ?? []).flatMap((one) => one.required ?? []),
  ]);
  return [...new Set(names)].join(", ") || "its alternatives";
}

function pattern(source: string): RegExp {
  let compiled = patterns.get(source);
  if (compiled === undefined) {
    compiled = new RegExp(source, "u");
    patterns.set(source, compiled);
  }
  return compiled;
}

function article(type: string): string {
  return type === "integer" || type === "object" || type === "array" ? `an ${type}` : `a ${type}`;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isFields(value)) return "an object";
  return `${typeof value} ${JSON.stringify(value)}`;
}
