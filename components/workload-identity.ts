import * as pulumi from "@pulumi/pulumi";
import { callerPosition, setPosition } from "../policy/load/object.ts";
import { API_VERSION, type DocumentInput, type WorkloadSpecInput } from "../policy/schema/index.ts";
import { Grantee } from "./access-policy.ts";
import { type ComponentArgs, splitArgs, trustDocument } from "./component-args.ts";
import { FromSet } from "./from-set.ts";
import { captureLeaves, type LeafInput, type Refs, refName } from "./leaves.ts";
import { lowerTargets } from "./lower/index.ts";
import { type AnyTarget, openPolicySet, type PolicySet, targetsOf } from "./policy-set.ts";

/** Arguments of {@link WorkloadIdentity}: the spec of a Workload, whose text leaves may be Outputs. */
export type WorkloadIdentityArgs = ComponentArgs &
  LeafInput<WorkloadSpecInput> & {
    /** Kubernetes namespace of the workload. */
    readonly namespace: string;
    /** Name of the Workload. @default the component's name */
    readonly name?: string;
  };

/**
 * A workload's identity, one chain: service account, SPIFFE ID, and the AWS role it may take.
 *
 * @example
 * ```ts
 * const api = new WorkloadIdentity("api", { trust: "policies/trust.yaml", namespace: "shop", selector: { app: "api" } });
 * ```
 * @throws PolicyError with every problem at once.
 */
export class WorkloadIdentity extends pulumi.ComponentResource {
  /** `namespace/name`. */
  readonly workloadId: string;
  /** `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. */
  readonly spiffeId: pulumi.Output<string>;
  /** Name of its Kubernetes service account. */
  readonly serviceAccount: pulumi.Output<string>;
  /** ARN of the AWS role; undefined for a workload without one, or where the AWS side is off. */
  readonly roleArn: pulumi.Output<string | undefined>;
  /** The Workload document, with `${ref:…}` in place of Outputs; undefined when an AccessPlane made this component. */
  readonly document: DocumentInput<"Workload"> | undefined;
  readonly #refs: Refs;

  constructor(name: string, args: WorkloadIdentityArgs | FromSet, opts?: pulumi.ComponentResourceOptions) {
    const own = args instanceof FromSet ? undefined : standalone(name, args);
    const set = args instanceof FromSet ? args.set : own?.set;
    const id = args instanceof FromSet ? args.subject : own?.id;
    const workload = id === undefined ? undefined : set?.model.workloads.get(id);
    if (!set || !workload)
      throw new TypeError(`WorkloadIdentity ${name}: its policy set has no Workload ${id}`);
    super("portreeve:index:WorkloadIdentity", name, {}, opts);
    this.document = own?.document;
    this.#refs = set.refs;
    this.workloadId = workload.id;
    const targets = targetsOf(set, "WorkloadIdentity", workload.id);
    lowerTargets(this, name, set, targets);
    this.spiffeId = pulumi.output(workload.spiffeId);
    this.serviceAccount = pulumi.output(workload.serviceAccount);
    this.roleArn = roleArnOf(set, targets) ?? pulumi.output(workload.spec.aws?.roleArn);
    this.registerOutputs({
      spiffeId: this.spiffeId,
      serviceAccount: this.serviceAccount,
      roleArn: this.roleArn,
    });
  }

  /** This workload as the `from` of a grant. */
  get grantee(): Grantee {
    if (!this.document)
      throw new Error(
        `${this.workloadId} belongs to an AccessPlane: name it in a Grant of the plane's policies`,
      );
    return Grantee.workload(this.document, this.#refs);
  }
}

function roleArnOf(set: PolicySet, targets: readonly AnyTarget[]): pulumi.Output<string> | undefined {
  const role = targets.find(
    ({ target: { object } }) =>
      "type" in object && object.type === "iam.Role" && object.chainedFrom === undefined,
  );
  const resource = role && set.made.get(role.target.key);
  return resource && "arn" in resource ? (resource.arn as pulumi.Output<string>) : undefined;
}

function standalone(
  name: string,
  args: WorkloadIdentityArgs,
): { document: DocumentInput<"Workload">; id: string; set: PolicySet } {
  const { common, spec } = splitArgs(args);
  const {
    name: policyName = name,
    namespace,
    ...rest
  } = spec as typeof spec & { name?: string; namespace: string };
  const { trust, ...set } = common;
  const refs: Record<string, pulumi.Input<string>> = { ...common.refs };
  const plain = captureLeaves(
    rest,
    refName(`Workload.${namespace}.${policyName}`),
    refs,
  ) as WorkloadSpecInput;
  const document: DocumentInput<"Workload"> = {
    apiVersion: API_VERSION,
    kind: "Workload",
    metadata: { name: policyName, namespace },
    spec: plain,
  };
  const position = callerPosition(WorkloadIdentity);
  if (position) setPosition(document, position);
  const id = `${namespace}/${policyName}`;
  return {
    document,
    id,
    set: openPolicySet({ ...set, refs }, "grant", [trustDocument(trust), document], `Workload/${id}`),
  };
}
