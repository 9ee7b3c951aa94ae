import { Option } from "commander";
import { accessTable, loadModel } from "../../policy/index.ts";
import { chooseCluster } from "../cluster.ts";
import { accessJson } from "../format/access-json.ts";
import { accessText } from "../format/access-text.ts";
import { useColor } from "../format/color.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly format: "text" | "json";
  readonly cluster?: string;
}

/** `portreeve access`: who may reach what, through which enforcement point? */
export const registerAccess: Register = (program) => {
  program
    .command("access")
    .description("Print the access table: who may reach which port, and where that is enforced.")
    .argument("<paths...>", "policy files, or folders with them")
    .addOption(new Option("--format <format>", "how it is written").choices(["text", "json"]).default("text"))
    .option("--cluster <name>", "whose data plane names the enforcement points (default: the only one)")
    .addHelpText(
      "after",
      `
Examples:
  portreeve access policies/
  portreeve access policies/ --cluster use1 --format json

Everything that is not listed is denied. A deny wins over every allow.

Exit code: 0 printed, 2 the policies could not be read.`,
    )
    .action((paths: readonly string[], options: Options) => {
      const model = loadModel({ paths });
      const cluster = chooseCluster(model, options.cluster);
      const rows = accessTable(model, cluster);
      process.stdout.write(
        options.format === "json"
          ? accessJson(rows, model.digest, cluster.name)
          : accessText(rows, useColor(process.stdout)),
      );
    });
};
