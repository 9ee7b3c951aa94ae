/** Writes the API reference, as a website, to docs/api; fails when a public export has no docstring or a link in one leads nowhere. */
import { join } from "node:path";
import { readApi, undocumented } from "./generated/api.ts";

const { app, project } = await readApi();
app.validate(project);
const missing = undocumented(project);
const warnings = app.logger.warningCount + app.logger.validationWarningCount;
for (const name of missing) console.error(`${name} has no docstring`);
if (missing.length > 0 || warnings > 0 || app.logger.hasErrors()) process.exit(1);
await app.generateDocs(project, join(import.meta.dirname, "..", "docs/api"));
console.log("docs/api");
