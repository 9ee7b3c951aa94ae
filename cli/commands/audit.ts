import { registerExport } from "../audit/command-export.ts";
import { registerQuery } from "../audit/command-query.ts";
import { registerReport } from "../audit/command-report.ts";
import { registerSuggest } from "../audit/command-suggest.ts";
import { registerVerify } from "../audit/command-verify.ts";
import type { Register } from "../register.ts";

/** `portreeve audit`: who touched the port, when, by which rule? */
export const registerAudit: Register = (program, exit) => {
  const audit = program
    .command("audit")
    .description("Read the proxy's records: verify, query, report, suggest, export.")
    .addHelpText(
      "after",
      `
Examples:
  portreeve audit verify /var/log/portreeve
  portreeve audit query --help

Exit code: of each, see its --help.`,
    );
  registerVerify(audit, exit);
  registerQuery(audit);
  registerReport(audit, exit);
  registerSuggest(audit, exit);
  registerExport(audit);
};
