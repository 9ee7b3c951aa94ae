import { Argument } from "commander";
import { KINDS, type Kind } from "../../policy/schema/index.ts";
import { jsonSchema, policyJsonSchema } from "../../policy/schema/json-schema.ts";
import type { Register } from "../register.ts";

/** `portreeve schema`: the JSON Schema of policy documents, for editors and other checkers. */
export const registerSchema: Register = (program) => {
  program
    .command("schema")
    .description("Print the JSON Schema (draft-07) of policy documents, for editors.")
    .addArgument(new Argument("[kind]", "one kind only").choices(KINDS))
    .addHelpText(
      "after",
      `
Examples:
  portreeve schema > policy.schema.json
  portreeve schema Grant
  # first line of a policy file, for editors with yaml-language-server:
  # yaml-language-server: $schema=./policy.schema.json

Exit code: 0 printed, 2 no such kind.`,
    )
    .action((kind: Kind | undefined) => {
      const schema = kind === undefined ? policyJsonSchema() : jsonSchema(kind);
      process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    });
};
