/**
 * npm run schemas              writes schemas/: the JSON Schema of any policy document, and one for each kind; and
 *                              policy/schema/input/: the same as TypeScript, with the texts that an editor shows
 * npm run schemas -- --check   exits 1 when what is there is not current
 */
import { generatedInputTypes } from "./generated/input-types.ts";
import { generatedSchemas } from "./generated/schemas.ts";
import { writeGenerated } from "./generated/write.ts";

const check = process.argv.includes("--check");
process.exitCode =
  writeGenerated("schemas", generatedSchemas(), check) ||
  writeGenerated("policy/schema/input", generatedInputTypes(), check);
