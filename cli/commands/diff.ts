import { Option } from "commander";
import { DIFF_FORMATS, type DiffFormat, diffExit, diffSides, formatDiff } from "../diff/diff.ts";
import { useColor } from "../format/color.ts";
import { GRAPH_FORMATS, type GraphFormat, isGraphFormat, renderGraph } from "../graph/render.ts";
import { instantOption } from "../instant.ts";
import { Output } from "../io/output.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly format: DiffFormat | GraphFormat;
  readonly expand?: true;
  readonly requireAck?: true;
  readonly now?: string;
  readonly dataPlane?: "sidecar" | "ztunnel";
  readonly trustDomain: string;
  readonly rootNamespace: string;
}

/** `portreeve diff`: who gains and who loses access between two versions? */
export const registerDiff: Register = (program, exit) => {
  program
    .command("diff")
    .description("Say who gains, loses or changes access between two versions of policies or manifests.")
    .argument(
      "<base>",
      "folder, file, REF:PATH of git, JSON of pulumi stack export or preview, cluster:CONTEXT",
    )
    .argument("<head>", "the same, after the change")
    .addOption(
      new Option("--format <format>", "how it is written")
        .choices([...DIFF_FORMATS, ...GRAPH_FORMATS])
        .default("text"),
    )
    .option("--expand", "one row for each pair of somebody and a port")
    .option("--require-ack", "fail only for widened access that nobody has acknowledged")
    .option("--now <instant>", "access that ended before this instant is none (default: now)")
    .addOption(
      new Option(
        "--data-plane <plane>",
        "Kubernetes objects: take all workloads as in the mesh (default: by their labels)",
      ).choices(["sidecar", "ztunnel"]),
    )
    .option("--trust-domain <domain>", "Kubernetes objects: the mesh's trust domain", "cluster.local")
    .option("--root-namespace <namespace>", "Kubernetes objects: the mesh's root namespace", "istio-system")
    .addHelpText(
      "after",
      `
Examples:
  portreeve diff main:policies policies
  portreeve diff origin/main:deploy deploy --format markdown
  portreeve diff before/ after/ --expand --format json
  portreeve diff main:policies policies --format html > access.html
  portreeve diff state.json preview.json        pulumi stack export, pulumi preview --json
  portreeve diff cluster:use1 deploy            what applying deploy/ would change; read with kubectl get
  portreeve diff kubeconfig:use1.yaml#admin kubeconfig:euw1.yaml

Exit code: 0 no access change, 1 access changes (with --require-ack: a widening nobody acknowledged), 2 could not run.`,
    )
    .action(async (base: string, head: string, options: Options) => {
      const { expand = false, requireAck = false, dataPlane, trustDomain, rootNamespace } = options;
      const report = diffSides(base, head, {
        now: instantOption("--now", options.now),
        expand,
        requireAck,
        trustDomain,
        rootNamespace,
        ...(dataPlane === undefined ? {} : { dataplane: dataPlane }),
      });
      const output = new Output(process.stdout);
      const { format } = options;
      const graph = isGraphFormat(format) ? report.graph?.() : undefined;
      if (isGraphFormat(format)) await output.write(graph ? await renderGraph(graph, format) : "");
      else await output.write(formatDiff(report, format, useColor(process.stdout)));
      await output.flush();
      exit(diffExit(report));
    });
};
