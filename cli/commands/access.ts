import { Option } from "commander";
import { graphOfAccess } from "../../policy/graph/access.ts";
import { accessTable, loadModel } from "../../policy/index.ts";
import { chooseCluster } from "../cluster.ts";
import { accessJson } from "../format/access-json.ts";
import { accessText } from "../format/access-text.ts";
import { useColor } from "../format/color.ts";
import { GRAPH_FORMATS, type GraphFormat, isGraphFormat, renderGraph } from "../graph/render.ts";
import { Output } from "../io/output.ts";
import { policyPaths } from "../policy-paths.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly format: "text" | "json" | GraphFormat;
  readonly cluster?: string;
}

/** `portreeve access`: who may reach what, through which enforcement point? */
export const registerAccess: Register = (program) => {
  program
    .command("access")
    .description("Print the access table: who may reach which port, and where that is enforced.")
    .argument("[paths...]", "policy files, or folders with them (default: policies/)")
    .addOption(
      new Option("--format <format>", "how it is written")
        .choices(["text", "json", ...GRAPH_FORMATS])
        .default("text"),
    )
    .option("--cluster <name>", "whose data plane names the enforcement points (default: the only one)")
    .addHelpText(
      "after",
      `
Examples:
  portreeve access policies/
  portreeve access policies/ --cluster use1 --format json
  portreeve access policies/ --format html > access.html

Everything that is not listed is denied. A deny wins over every allow.

Exit code: 0 printed, 2 the policies could not be read.`,
    )
    .action(async (given: readonly string[], options: Options) => {
      const paths = policyPaths("access", given);
      const model = loadModel({ paths });
      const cluster = chooseCluster(model, options.cluster);
      const rows = accessTable(model, cluster);
      const { format } = options;
      const output = new Output(process.stdout);
      if (isGraphFormat(format)) {
        const title = `Access in ${cluster.name}: ${paths.join(", ")}`;
        await output.write(await renderGraph(graphOfAccess(title, rows), format));
      } else if (format === "json") await output.write(accessJson(rows, model.digest, cluster.name));
      else await output.write(accessText(rows, useColor(process.stdout)));
      await output.flush();
    });
};
