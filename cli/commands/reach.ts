import { Option } from "commander";
import { graphOfReach } from "../../policy/graph/access.ts";
import { CliError } from "../exit.ts";
import { useColor } from "../format/color.ts";
import { GRAPH_FORMATS, type GraphFormat, isGraphFormat, renderGraph } from "../graph/render.ts";
import { Output } from "../io/output.ts";
import { answerCases } from "../reach/cases.ts";
import { reachFolder } from "../reach/folder.ts";
import { FORMATS, type Format, render } from "../reach/formats.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly cases?: string;
  readonly format: Format | GraphFormat;
  readonly dataPlane?: "sidecar" | "ztunnel";
  readonly trustDomain: string;
  readonly rootNamespace: string;
}

/** `portreeve reach`: who can reach what. */
export const registerReach: Register = (program, exit) => {
  program
    .command("reach")
    .description("Say who can reach what, over NetworkPolicy and Istio's security policies together.")
    .argument(
      "[paths...]",
      "files or folders with Kubernetes and Istio objects, as YAML or JSON: one cluster together",
    )
    .option("--cases <file>", 'JSON lines {"id","objects"}, answered by NetworkPolicy alone (- for stdin)')
    .addOption(
      new Option("--format <format>", "how to print")
        .choices([...FORMATS, ...GRAPH_FORMATS])
        .default("table"),
    )
    .addOption(
      new Option(
        "--data-plane <plane>",
        "take all workloads as in the mesh (default: by their labels)",
      ).choices(["sidecar", "ztunnel"]),
    )
    .option("--trust-domain <domain>", "the mesh's trust domain", "cluster.local")
    .option("--root-namespace <namespace>", "the mesh's root namespace", "istio-system")
    .addHelpText(
      "after",
      `
Examples:
  portreeve reach manifests/
  portreeve reach cluster/ mesh/policies.yaml
  portreeve reach manifests/ --data-plane ztunnel --trust-domain prod.example.com
  portreeve reach manifests/ --format mermaid > reach.md
  portreeve reach manifests/ --format html > reach.html
  portreeve reach --cases cases.jsonl

What is not known from the objects is told on stderr.

Exit code: 0 answered, 2 could not be read.`,
    )
    .action(async (paths: readonly string[], options: Options) => {
      const errors = new Output(process.stderr);
      const output = new Output(process.stdout);
      if (paths.length > 0 && options.cases === undefined) {
        const { format, dataPlane, trustDomain, rootNamespace } = options;
        const plane = dataPlane === undefined ? {} : { dataplane: dataPlane };
        const { rows, warnings } = reachFolder(paths, { ...plane, trustDomain, rootNamespace });
        await errors.write(warnings.map((warning) => `${warning}\n`).join(""));
        await errors.flush();
        if (isGraphFormat(format)) {
          await output.write(await renderGraph(graphOfReach(`Reach in ${paths.join(", ")}`, rows), format));
        } else await output.write(render(rows, format, useColor(process.stdout)));
        await output.flush();
      } else if (paths.length === 0 && options.cases !== undefined) {
        exit(await answerCases(options.cases, output, errors));
      } else throw new CliError("reach: give a folder, or --cases FILE");
    });
};
