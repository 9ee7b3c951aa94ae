import { KINDS } from "../../policy/schema/index.ts";
import { jsonSchema, policyJsonSchema } from "../../policy/schema/json-schema.ts";

/** The files of `schemas/`, by name. */
export function generatedSchemas(): Map<string, string> {
  const text = (schema: unknown) => `${JSON.stringify(schema, null, 2)}\n`;
  return new Map([
    ["policy.schema.json", text(policyJsonSchema())],
    ...KINDS.map((kind): [string, string] => [`${kind.toLowerCase()}.schema.json`, text(jsonSchema(kind))]),
  ]);
}
