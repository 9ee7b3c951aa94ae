/** `node dashboards/write.ts`: writes the dashboard and the rules as files, for those who do not use the component. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dashboardFile, rulesFile } from "./files.ts";

writeFileSync(join(import.meta.dirname, "portreeve-access.json"), dashboardFile());
writeFileSync(join(import.meta.dirname, "portreeve-rules.yaml"), rulesFile());
