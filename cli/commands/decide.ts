import { type Command, Option } from "commander";
import type { Via } from "../../policy/decide/index.ts";
import type { DataPlane } from "../../policy/istio/authorization/index.ts";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { decideCases } from "../decide/cases.ts";
import { decideInMesh } from "../decide/mesh.ts";
import { decideQuestion } from "../decide/person.ts";
import { CliError } from "../exit.ts";
import { instantOption } from "../instant.ts";
import { Output } from "../io/output.ts";
import { isOrdinary } from "../lint-mesh.ts";
import { policyPaths } from "../policy-paths.ts";
import type { Register } from "../register.ts";

interface DecideOptions {
  readonly cases?: string;
  readonly from?: string;
  readonly to?: string;
  readonly via?: Via;
  readonly at?: string;
  readonly ip?: string;
  readonly sni?: string;
  readonly dataPlane?: DataPlane;
  /** As the cases of `--cases` spell it. */
  readonly dataplane?: DataPlane;
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly dnsCapture?: boolean;
  readonly registryOnly?: boolean;
  readonly format: "text" | "json";
}

const MESH_OPTIONS = [
  "dataPlane",
  "dataplane",
  "trustDomain",
  "rootNamespace",
  "dnsCapture",
  "registryOnly",
] as const;
const QUESTION_OPTIONS = ["from", "to", "via", "at", "ip", "sni", ...MESH_OPTIONS] as const;

/** `portreeve decide`: is a connection allowed, and by which policy and rule? */
export const registerDecide: Register = (program, exit) => {
  program
    .command("decide")
    .description(
      "Say whether a connection is allowed, and by which rule: by portreeve policies, or by the Istio objects of a folder.",
    )
    .argument("[paths...]", "policy files or folders, or ordinary Kubernetes and Istio objects")
    .option(
      "--from <who>",
      "shop/api, okta:ann@example.com, agent:triage, a role's ARN, an address; a chain is joined by +",
    )
    .option(
      "--to <service:port>",
      "orders-db:5432; the port may be left out when there is one; with Istio objects any name or address",
    )
    .addOption(
      new Option("--via <point>", "enforcement point (default: the service's)").choices(["mesh", "proxy"]),
    )
    .option("--at <instant>", "judge at this instant (default: now)")
    .option("--ip <address>", "address of the client")
    .option("--sni <name>", "server name in the client's TLS")
    .addOption(
      new Option("--format <format>", "how a verdict is written").choices(["text", "json"]).default("text"),
    )
    .addOption(
      new Option(
        "--data-plane <plane>",
        "Istio objects: take workloads as in the mesh (default: by their labels)",
      ).choices(["sidecar", "ztunnel"]),
    )
    .addOption(
      new Option("--dataplane <plane>", "the same as --data-plane")
        .choices(["sidecar", "ztunnel"])
        .hideHelp(),
    )
    .option("--trust-domain <domain>", "Istio objects: the mesh's trust domain", "cluster.local")
    .option("--root-namespace <namespace>", "Istio objects: the mesh's root namespace", "istio-system")
    .option("--dns-capture", "Istio objects: clients resolve names with Istio's DNS proxy")
    .option("--registry-only", "Istio objects: meshConfig.outboundTrafficPolicy is REGISTRY_ONLY")
    .option("--cases <file>", "JSON lines, each with policies, a workload and a connection (- for stdin)")
    .addHelpText(
      "after",
      `
Examples:
  portreeve decide policies/ --from shop/api --to orders-db:5432
  portreeve decide policies/ --from ops/bastion+okta:dba --to orders-db --at 2027-01-01
  portreeve decide manifests/ --from default/curl --to tcp-echo:9000
  portreeve decide manifests/ --from shop/api --to db.example.com:5432 --data-plane sidecar
  portreeve decide manifests/ --from 203.0.113.7 --to gateway:shop/edge:5432
  portreeve decide --cases cases.jsonl

Exit code of a question: 0 allowed, 1 denied (or the connection fails), 2 could not be answered.`,
    )
    .action(async (named: readonly string[], options: DecideOptions, command: Command) => {
      if (options.cases !== undefined) {
        const given = QUESTION_OPTIONS.filter((name) => command.getOptionValueSource(name) === "cli");
        if (named.length + given.length > 0) throw new CliError("decide: --cases stands alone");
        exit(await decideCases(options.cases, new Output(process.stdout), new Output(process.stderr)));
        return;
      }
      const { from, to, via, ip, sni } = options;
      if (from === undefined || to === undefined) {
        throw new CliError("decide: give --from WHO and --to SERVICE:PORT, or --cases FILE");
      }
      const paths = policyPaths("decide", named);
      const { files, findings } = readPolicyFiles(paths);
      if (findings.length === 0 && files.length > 0 && files.every(isOrdinary)) {
        const given = (["via", "at"] as const).filter((name) => command.getOptionValueSource(name) === "cli");
        if (given.length > 0)
          throw new CliError(`decide: --${given[0]} is for portreeve policies; these are Istio objects`);
        const { dataPlane, dataplane, trustDomain, rootNamespace, dnsCapture, registryOnly } = options;
        const answer = decideInMesh(
          files,
          { from, to, ip, sni },
          {
            trustDomain,
            rootNamespace,
            dnsCapture,
            outbound: registryOnly === true ? "REGISTRY_ONLY" : "ALLOW_ANY",
            dataplane: dataPlane ?? dataplane,
          },
          options.format === "json",
        );
        process.stdout.write(answer.text);
        exit(answer.exitCode);
        return;
      }
      const given = MESH_OPTIONS.filter((name) => command.getOptionValueSource(name) === "cli");
      if (given.length > 0) {
        throw new CliError(
          `decide: --${kebab(given[0] ?? "")} is for a folder of Istio objects alone; these are portreeve policies`,
        );
      }
      const question = { from, to, via, sourceIp: ip, sni };
      const answer = decideQuestion(
        paths,
        question,
        instantOption("--at", options.at),
        options.format === "json",
      );
      process.stdout.write(answer.text);
      exit(answer.exitCode);
    });
};

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
