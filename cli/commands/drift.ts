import { Option } from "commander";
import { drift } from "../../policy/drift/index.ts";
import { DRIFT_FORMATS, type DriftFormat, formatDrift } from "../drift/format.ts";
import { folderSide, liveSide } from "../drift/sides.ts";
import { CliError, EXIT } from "../exit.ts";
import { Output } from "../io/output.ts";
import type { Register } from "../register.ts";
import { refValues } from "../render/values.ts";

interface Options {
  readonly kubeconfig: readonly string[];
  readonly cluster: readonly string[];
  readonly ref: readonly string[];
  readonly format: DriftFormat;
  readonly trustDomain?: string;
  readonly rootNamespace?: string;
}

/** `portreeve drift`: do two clusters, or desired and live, give the same access? */
export const registerDrift: Register = (program, exit) => {
  program
    .command("drift")
    .description(
      "Say what differs in access between two clusters, or between what is wanted and what is there.",
    )
    .argument(
      "[folders...]",
      "policies, or Kubernetes and Istio objects; folders come first, then kubeconfigs",
    )
    .option(
      "--kubeconfig <file>",
      "a running cluster, read with kubectl get; may be given twice",
      collect,
      [],
    )
    .option(
      "--cluster <name>",
      "which cluster policies are compiled for; once for all folders, or once for each",
      collect,
      [],
    )
    .option(
      "--ref <name=value>",
      "value of a ${ref:NAME} in policies; may be given several times",
      collect,
      [],
    )
    .option("--trust-domain <domain>", "of objects that are not policies (default: the one that they name)")
    .option("--root-namespace <namespace>", "Istio's root namespace (default: istio-system)")
    .addOption(new Option("--format <format>", "how it is written").choices(DRIFT_FORMATS).default("text"))
    .addHelpText(
      "after",
      `
Examples:
  portreeve drift policies policies --cluster use1 --cluster euc1    two clusters, one policy set
  portreeve drift policies --cluster use1 --kubeconfig use1.yaml     wanted and there
  portreeve drift rendered/use1 --kubeconfig use1.yaml
  portreeve drift --kubeconfig use1.yaml --kubeconfig euc1.yaml      two running clusters

Exit code: 0 the same access, 1 something differs, 2 could not run.`,
    )
    .action(async (folders: readonly string[], options: Options) => {
      const { kubeconfig, cluster, trustDomain, rootNamespace, format } = options;
      if (folders.length + kubeconfig.length !== 2)
        throw new CliError("drift: give two sides, folders or --kubeconfig");
      const refs = refValues(options.ref);
      const common = { refs, trustDomain, rootNamespace };
      const [a, b] = [
        ...folders.map((path, index) =>
          folderSide(path, { ...common, cluster: cluster[index] ?? cluster[0] }),
        ),
        ...kubeconfig.map((file) => liveSide(file, { ...common, cluster: undefined })),
      ];
      if (a === undefined || b === undefined)
        throw new CliError("drift: give two sides, folders or --kubeconfig");
      const found = drift(a, b);
      const output = new Output(process.stdout);
      await output.write(formatDrift(found, [a.name, b.name], format));
      await output.flush();
      exit(found.rows.length > 0 ? EXIT.found : EXIT.ok);
    });
};

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}
