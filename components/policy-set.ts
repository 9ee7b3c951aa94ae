import type * as pulumi from "@pulumi/pulumi";
import type { AwsObject } from "../policy/compile/aws/objects.ts";
import { compileAll } from "../policy/compile/index.ts";
import type { KubeObject, Owner, Target } from "../policy/compile/target.ts";
import { type Finding, PolicyError } from "../policy/finding.ts";
import { lint } from "../policy/lint/index.ts";
import { loadModel, type PolicyObject } from "../policy/load/index.ts";
import type { Cluster, Model } from "../policy/model/types.ts";
import type { DocumentInput, Kind } from "../policy/schema/index.ts";
import { captureLeaves, type LeafInput, type Refs, refName } from "./leaves.ts";
import type { Made } from "./lower/aws.ts";
import { refsIn } from "./lower/text.ts";
import type { Transform } from "./options.ts";

/** A policy object whose text leaves may be Outputs. */
export type PolicyObjectInput = { [K in Kind]: LeafInput<DocumentInput<K>> }[Kind];

/** Where the policies come from, and for which cluster; shared by the components that need a whole policy set. */
export interface PolicySetArgs {
  /** Files and folders of policies (YAML or JSON), relative to the program's working directory. */
  readonly policies?: string | readonly string[];
  /** Policies as YAML text, for programs that cannot hand over a path or objects. */
  readonly policyText?: string;
  /** Policies as objects. Text leaves of plain ones may be Outputs; builders of `portreeve/policy` take `ref(NAME)`, with its value in `refs`. */
  readonly objects?: readonly PolicyObjectInput[];
  /** Values of `${ref:NAME}` in the policies, such as the endpoint of a database that this program makes. */
  readonly refs?: Refs;
  /** The cluster of Trust that this deployment is for. @default the only one */
  readonly cluster?: string;
  /** Make the AWS side (roles, associations, security-group rules). @default true when the policies have one */
  readonly aws?: boolean;
  /** AWS providers of accounts other than the cluster's, by account number: roles and policies of those accounts are made with them. */
  readonly awsAccounts?: AwsAccounts;
  /** The instant at which expiry is judged, RFC 3339. @default now */
  readonly now?: string;
  /** Changes a target object before it becomes a resource. */
  readonly transform?: Transform;
  /** Labels added to every Kubernetes and Istio object. They never replace a label that Portreeve sets itself. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Tags added to every AWS resource that has tags. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** AWS providers by account number. */
export type AwsAccounts = Readonly<Record<string, pulumi.ProviderResource>>;

/** A target object of any platform. */
export type AnyTarget =
  | { readonly platform: "kubernetes"; readonly target: Target<KubeObject> }
  | { readonly platform: "aws"; readonly target: Target<AwsObject> };

/** A policy set, loaded, checked and compiled for one cluster. Nothing of it is asynchronous. */
export interface PolicySet {
  readonly model: Model;
  readonly cluster: Cluster;
  /** The instant at which expiry is judged, epoch milliseconds. */
  readonly now: number;
  readonly targets: readonly AnyTarget[];
  readonly refs: Refs;
  readonly awsAccounts: AwsAccounts;
  readonly warnings: readonly Finding[];
  readonly transform: Transform | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Resources made so far, by target key; AWS objects refer to each other. */
  readonly made: Made;
}

/**
 * Loads, checks and compiles.
 *
 * @param more - objects besides those of `args`: what a component that is imported alone stands for
 * @param only - `Kind/name` of the one object that guardrails are asked about, because the rest of the set is not here
 * @throws PolicyError with every problem at once, before any resource is registered: nothing is half-applied.
 */
export function openPolicySet(
  args: PolicySetArgs,
  grouping: "service" | "grant",
  more: readonly PolicyObjectInput[] = [],
  only?: string,
): PolicySet {
  const refs: Record<string, pulumi.Input<string>> = { ...args.refs };
  const objects = [...(args.objects ?? []), ...more].map((object) => captureObject(object, refs));
  const model = loadModel({
    paths: typeof args.policies === "string" ? [args.policies] : args.policies,
    texts: args.policyText === undefined ? [] : [{ name: "policyText", text: args.policyText }],
    objects,
  });
  const cluster = chooseCluster(model, args.cluster);
  const compiled = compileAll({ model, cluster, grouping });
  const now = instantOf(args.now);
  const linted = lint(model, { now }).filter(
    (finding) => only === undefined || (finding.object === only && finding.severity === "error"),
  );
  const findings = [...compiled.findings, ...linted];
  const errors = findings.filter((finding) => finding.severity === "error");
  const targets: AnyTarget[] = [
    ...[...compiled.istio.targets, ...compiled.kubernetes.targets].map((target) => ({
      platform: "kubernetes" as const,
      target,
    })),
    ...(args.aws === false
      ? []
      : compiled.aws.targets.map((target) => ({ platform: "aws" as const, target }))),
  ];
  errors.push(...missingRefs(targets, refs), ...missingAccounts(targets, cluster, args.awsAccounts ?? {}));
  if (errors.length > 0) throw new PolicyError(errors);
  const warnings = findings.filter((finding) => finding.severity === "warning");
  return {
    model,
    cluster,
    now,
    targets,
    refs,
    awsAccounts: args.awsAccounts ?? {},
    warnings,
    transform: args.transform,
    labels: args.labels ?? {},
    tags: args.tags ?? {},
    made: new Map(),
  };
}

/** The targets of one component: those it owns for one policy object, or all it owns. */
export function targetsOf(set: PolicySet, owner: Owner, subject?: string): AnyTarget[] {
  return set.targets.filter(
    ({ target }) => target.owner === owner && (subject === undefined || target.subject === subject),
  );
}

function captureObject(object: PolicyObjectInput, refs: Record<string, pulumi.Input<string>>): PolicyObject {
  const { metadata, kind } = object;
  const name = typeof metadata.name === "string" ? metadata.name : "object";
  const before = Object.keys(refs).length;
  const captured = captureLeaves(object, refName(`${kind}.${name}`), refs) as PolicyObject;
  // An object without any Output is handed on as it is, because its builder remembers its position by identity.
  return Object.keys(refs).length === before ? (object as PolicyObject) : captured;
}

/** An instant that cannot be read would be before every expiry, so it is refused. */
function instantOf(now: string | undefined): number {
  const instant = now === undefined ? Date.now() : Date.parse(now);
  if (!Number.isNaN(instant)) return instant;
  throw new PolicyError([
    {
      rule: "PR106",
      severity: "error",
      message: `\`now\` cannot be ${JSON.stringify(now)}`,
      fix: "write an instant such as 2027-03-31T00:00:00Z, or leave it out",
    },
  ]);
}

function chooseCluster(model: Model, wanted: string | undefined): Cluster {
  const { clusters } = model.trust.spec;
  const names = clusters.map((cluster) => cluster.name).join(", ");
  const found =
    wanted === undefined && clusters.length === 1
      ? clusters[0]
      : clusters.find((cluster) => cluster.name === wanted);
  if (found) return found;
  throw new PolicyError([
    {
      rule: "PR113",
      severity: "error",
      message:
        wanted === undefined
          ? "Trust has several clusters, and none was chosen"
          : `Trust has no cluster "${wanted}"`,
      fix: `set \`cluster\` to one of ${names}`,
      ...(model.trust.position && { position: model.trust.position }),
    },
  ]);
}

function missingRefs(targets: readonly AnyTarget[], refs: Refs): Finding[] {
  const missing = new Map<string, string>();
  for (const { target } of targets) {
    for (const name of refsIn(target.object))
      if (!(name in refs) && !missing.has(name)) missing.set(name, target.key);
  }
  return [...missing].map(([name, key]) => ({
    rule: "PR114",
    severity: "error",
    message: `the policies mention \${ref:${name}} (used by ${key}), and no value was given for it`,
    fix: `pass refs: { ${JSON.stringify(name)}: … }`,
  }));
}

/** Without a provider of its own, an object of another account would be made in the cluster's. */
function missingAccounts(targets: readonly AnyTarget[], cluster: Cluster, accounts: AwsAccounts): Finding[] {
  const missing = new Map<string, string>();
  for (const { target } of targets) {
    const account = "account" in target.object ? target.object.account : undefined;
    if (account === undefined || account === "" || !cluster.eks || account === cluster.eks.account) continue;
    if (!(account in accounts) && !missing.has(account)) missing.set(account, target.key);
  }
  return [...missing].map(([account, key]) => ({
    rule: "PR611",
    severity: "error",
    message: `${key} belongs to AWS account ${account}, and no provider was given for that account`,
    fix: `pass awsAccounts: { "${account}": new aws.Provider(…) }`,
  }));
}
