import { z } from "zod";
import { KINDS, type Kind, schemas } from "./index.ts";

/** The JSON Schema (draft-07) of one kind, as an editor reads it: what a user may write, so defaults are optional. */
export function jsonSchema(kind: Kind): Record<string, unknown> {
  return z.toJSONSchema(schemas[kind], { target: "draft-7", io: "input", unrepresentable: "any" });
}

/** One schema for any policy document, for `yaml-language-server` and the like. */
export function policyJsonSchema(): Record<string, unknown> {
  const definitions: Record<string, unknown> = {};
  for (const kind of KINDS) {
    const { $schema: _, ...schema } = jsonSchema(kind);
    definitions[kind] = schema;
  }
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Portreeve policy document",
    type: "object",
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: { kind: { enum: [...KINDS] } },
    // `if`/`then` instead of `oneOf`, so that an editor reports the problems of the kind that was meant, not of all seven.
    allOf: KINDS.map((kind) => ({
      if: { properties: { kind: { const: kind } }, required: ["kind"] },
      // biome-ignore lint/suspicious/noThenProperty: the JSON Schema keyword.
      then: { $ref: `#/definitions/${kind}` },
    })),
    definitions,
  };
}
