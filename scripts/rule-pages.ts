/**
 * npm run docs:rules              writes docs/rules/: a page for each rule, and the index
 * npm run docs:rules -- --check   exits 1 when what is there is not current
 */
import { generatedRulePages } from "./generated/rule-pages.ts";
import { writeGenerated } from "./generated/write.ts";

process.exitCode = writeGenerated("docs/rules", generatedRulePages(), process.argv.includes("--check"));
