/**
 * npm run docs:reference              writes docs/reference/: a page for each kind, and one of all rules
 * npm run docs:reference -- --check   exits 1 when what is there is not current
 */
import { generatedReference } from "./generated/reference.ts";
import { writeGenerated } from "./generated/write.ts";

process.exitCode = writeGenerated("docs/reference", generatedReference(), process.argv.includes("--check"));
