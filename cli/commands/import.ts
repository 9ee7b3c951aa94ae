import { Option } from "commander";
import type { Finding } from "../../policy/finding.ts";
import type { OpenAs } from "../../policy/import/index.ts";
import { name as nameSchema, trustDomain as trustDomainSchema } from "../../policy/schema/primitives.ts";
import { CliError, EXIT } from "../exit.ts";
import { useColor } from "../format/color.ts";
import { findingsText } from "../format/findings-text.ts";
import { reportText } from "../import/report.ts";
import { type Accepted, type ImportRun, importFolder, writeDocuments } from "../import/run.ts";
import { instantOption } from "../instant.ts";
import type { Register } from "../register.ts";

interface Options {
  readonly out?: string;
  readonly trustDomain?: string;
  readonly trustDomainAlias: readonly string[];
  readonly rootNamespace: string;
  readonly cluster: string;
  readonly dataPlane?: "sidecar" | "ambient";
  readonly istioVersion: string;
  readonly namespace: readonly string[];
  readonly openAs: OpenAs;
  readonly owner?: string;
  readonly waiverOwner?: string;
  readonly waiverExpires?: string;
  readonly allowDifferences: Accepted;
  readonly now?: string;
  readonly json?: true;
}

const NINETY_DAYS = 90 * 24 * 3_600_000;

/** `portreeve import`: what an estate has today, as policies. */
export const registerImport: Register = (program, exit) => {
  program
    .command("import")
    .description("Turn existing Istio and Kubernetes objects into policies with the same verdicts.")
    .argument("<dir>", "folder (or file) with Kubernetes and Istio objects, as YAML or JSON")
    .option(
      "--out <dir>",
      "folder to write trust.yaml, services.yaml, … to; absent or empty (default: stdout)",
    )
    .option("--trust-domain <domain>", "meshConfig.trustDomain (default: the one that most principals name)")
    .option("--trust-domain-alias <domain>", "a former trust domain; may be given several times", collect, [])
    .option("--root-namespace <namespace>", "the mesh's root namespace", "istio-system")
    .option("--cluster <name>", "name of the cluster in Trust", "main")
    .addOption(
      new Option(
        "--data-plane <plane>",
        "take all workloads as in the mesh (default: by their labels)",
      ).choices(["sidecar", "ambient"]),
    )
    .option("--istio-version <version>", "Istio version of the cluster", "1.31")
    .option("--namespace <name>", "services of this namespace only; may be given several times", collect, [])
    .addOption(
      new Option("--open-as <what>", "what becomes of services that let everybody in today")
        .choices(["namespaces", "anyone", "list"])
        .default("namespaces"),
    )
    .option("--owner <owner>", "who answers for the imported services, workloads and grants")
    .option("--waiver-owner <owner>", "who accepts plaintext and wide address blocks as they are found")
    .option("--waiver-expires <instant>", "until when (default: 90 days from now)")
    .addOption(
      new Option("--allow-differences <which>", "write although some verdicts differ from today's")
        .choices(["none", "narrower", "all"])
        .default("none"),
    )
    .option("--now <instant>", "count from this instant (default: now)")
    .option("--json", "what was found and written, for programs, on stdout; needs --out to write")
    .addHelpText(
      "after",
      `
Examples:
  portreeve import k8s/                                    look at it: nothing is written to disk
  portreeve import k8s/ --out policies --owner shop
  portreeve import k8s/ --out policies --allow-differences narrower
  portreeve import k8s/ --open-as list                     leave open services as they are

Every verdict is compared with today's before anything is written. What differs is listed on stderr; then nothing is
written unless --allow-differences accepts it: narrower (some lose access), or all (some gain access too).

Exit code: 0 written, 1 nothing written (differences that were not accepted, or no service), 2 could not run.`,
    )
    .action((dir: string, options: Options) => {
      const now = instantOption("--now", options.now);
      const run = importFolder(dir, importOptions(options, now), options.allowDifferences, now);
      if (options.json) {
        const written = !run.refused && hasService(run) && options.out !== undefined;
        if (written && options.out !== undefined) writeDocuments(options.out, run.files);
        process.stdout.write(reportJson(run, written));
        if (run.refused || !hasService(run)) exit(EXIT.found);
        return;
      }
      process.stderr.write(reportText(run.result, useColor(process.stderr)));
      const { differences, compared } = run.result;
      if (run.refused) {
        const wider = differences.some(({ change }) => change === "wider");
        process.stderr.write(
          `nothing written: ${differences.length} differences in ${compared} compared verdicts; accept them with --allow-differences ${wider ? "all" : "narrower"}\n`,
        );
        exit(EXIT.found);
        return;
      }
      if (!hasService(run)) {
        process.stderr.write(
          "nothing written: no service was imported; the reasons are above, or the folder has none in the namespaces asked for\n",
        );
        exit(EXIT.found);
        return;
      }
      if (options.out === undefined) process.stdout.write([...run.files.values()].join("---\n"));
      else writeDocuments(options.out, run.files);
      process.stderr.write(summary(run, options.out));
    });
};

function hasService({ result }: ImportRun): boolean {
  return result.documents.some(({ document }) => document.kind === "Service");
}

function reportJson({ result, files, findings, refused }: ImportRun, written: boolean): string {
  const { noEqual, differences, notes, compared } = result;
  return `${JSON.stringify({ version: 1, written, refused, files: Object.fromEntries(files), compared, differences, noEqual, notes, findings }, null, 2)}\n`;
}

function summary({ result, files, findings }: ImportRun, out: string | undefined): string {
  const counts = Map.groupBy(result.documents, ({ document }) => document.kind);
  const kinds = [...counts].map(([kind, list]) => `${list.length} ${kind}`).join(", ");
  const errors = findings.filter(({ severity }) => severity === "error");
  const told: readonly Finding[] = errors;
  const rules = [...Map.groupBy(findings, ({ rule }) => rule)].map(
    ([rule, list]) => `${rule} ×${list.length}`,
  );
  return [
    ...(told.length > 0 ? [`to settle before deploying:\n${findingsText(told, false)}`] : []),
    ...(rules.length > 0 ? [`lint: ${rules.sort().join(", ")}\n`] : []),
    `${kinds}${out === undefined ? "" : ` in ${files.size} files of ${out}`}; ${result.compared} verdicts compared, ${result.differences.length} differences accepted\n`,
  ].join("");
}

function importOptions(options: Options, now: number): Parameters<typeof importFolder>[1] {
  const domains = [
    ...(options.trustDomain === undefined ? [] : [options.trustDomain]),
    ...options.trustDomainAlias,
  ];
  for (const domain of domains) {
    if (!trustDomainSchema.safeParse(domain).success)
      throw new CliError(`"${domain}" is no trust domain: write it without spiffe://, e.g. prod.example.com`);
  }
  if (!nameSchema.safeParse(options.cluster).success)
    throw new CliError(`--cluster "${options.cluster}": use a-z, 0-9 and '-', at most 63 characters`);
  if (!/^1\.\d{1,3}(\.\d{1,3})?$/.test(options.istioVersion))
    throw new CliError(`--istio-version "${options.istioVersion}": write a version such as 1.31`);
  if (options.waiverExpires !== undefined && options.waiverOwner === undefined)
    throw new CliError("--waiver-expires needs --waiver-owner: a Waiver names who accepts it");
  const expires =
    options.waiverExpires === undefined
      ? new Date(now + NINETY_DAYS).toISOString().replace(/\.\d+Z$/, "Z")
      : new Date(instantOption("--waiver-expires", options.waiverExpires))
          .toISOString()
          .replace(/\.\d+Z$/, "Z");
  return {
    ...(options.trustDomain !== undefined && { trustDomain: options.trustDomain }),
    trustDomainAliases: options.trustDomainAlias,
    rootNamespace: options.rootNamespace,
    cluster: options.cluster,
    ...(options.dataPlane !== undefined && { dataPlane: options.dataPlane }),
    istioVersion: options.istioVersion,
    ...(options.namespace.length > 0 && { namespaces: options.namespace }),
    openAs: options.openAs,
    ...(options.owner !== undefined && { owner: options.owner }),
    ...(options.waiverOwner !== undefined && { waiver: { owner: options.waiverOwner, expires } }),
  };
}

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}
