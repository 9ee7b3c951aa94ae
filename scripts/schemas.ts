/**
 * npm run schemas              writes schemas/: the JSON Schema of any policy document, and one for each kind
 * npm run schemas -- --check   exits 1 when what is there is not current
 */
import { generatedSchemas } from "./generated/schemas.ts";
import { writeGenerated } from "./generated/write.ts";

process.exitCode = writeGenerated("schemas", generatedSchemas(), process.argv.includes("--check"));
