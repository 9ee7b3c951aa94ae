import * as pulumi from "@pulumi/pulumi";
import { FromSet } from "./from-set.ts";
import { lowerTargets, tellWarnings } from "./lower/index.ts";
import { openPolicySet, type PolicySetArgs, targetsOf } from "./policy-set.ts";

/** Arguments of {@link MeshGuards}. */
export type MeshGuardsArgs = PolicySetArgs;

/**
 * The guards around all services: strict mutual TLS and telemetry in the namespaces that the policies speak of.
 *
 * @throws PolicyError with every problem at once.
 */
export class MeshGuards extends pulumi.ComponentResource {
  /** Namespaces that are guarded. */
  readonly namespaces: pulumi.Output<string[]>;

  constructor(name: string, args: MeshGuardsArgs | FromSet, opts?: pulumi.ComponentResourceOptions) {
    const set = args instanceof FromSet ? args.set : openPolicySet(args, "service");
    super("portreeve:index:MeshGuards", name, {}, opts);
    if (!(args instanceof FromSet)) tellWarnings(this, set.warnings);
    const targets = targetsOf(set, "MeshGuards");
    lowerTargets(this, name, set, targets);
    const namespaces = targets.flatMap((any) =>
      any.platform === "kubernetes" ? (any.target.object.metadata.namespace ?? []) : [],
    );
    this.namespaces = pulumi.output([...new Set(namespaces)].sort());
    this.registerOutputs({ namespaces: this.namespaces });
  }
}
