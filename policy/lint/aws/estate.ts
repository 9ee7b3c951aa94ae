import { type ChainIndex, chainIndex } from "../../compile/aws/chain-index.ts";
import { compileAws } from "../../compile/aws/compile.ts";
import { type Context, makeContext } from "../../compile/aws/context.ts";
import { grantedWorkloads } from "../../compile/aws/holders.ts";
import { IamTextError, type ReadStatement, readIamDocument } from "../../compile/aws/iam-text.ts";
import type { IamStatement } from "../../compile/aws/objects.ts";
import { permissionsOf } from "../../compile/aws/permission.ts";
import type { Cluster, Model, Service, Workload } from "../../model/types.ts";
import { assumedRole, workloadRole } from "../../plan/aws-role.ts";
import { proxyLogsIn } from "../../plan/proxy-login.ts";

/** What reaching a service takes in IAM, and who is granted it. */
export interface Reached {
  readonly service: Service;
  /** The proxy logs in: no client's role should hold the permission. */
  readonly byProxy: boolean;
  readonly statements: readonly IamStatement[];
  /** Ids of workloads. */
  readonly granted: ReadonlySet<string>;
}

/** The AWS side of one cluster as the guardrails read it. */
export interface Estate {
  readonly cluster: Cluster;
  readonly context: Context;
  readonly index: ChainIndex;
  /** Services that ask for an IAM permission. */
  readonly reached: readonly Reached[];
  /** Workloads of the cluster that have a role. */
  readonly workloads: readonly Workload[];
}

const estates = new WeakMap<Model, readonly Estate[]>();

/** Compiled once for all guardrails. Nothing for a model without an AWS side. */
export function estatesOf(model: Model): readonly Estate[] {
  const known = estates.get(model);
  if (known) return known;
  const linked =
    [...model.workloads.values()].some(({ spec }) => spec.aws !== undefined) ||
    [...model.services.values()].some(({ spec }) => spec.aws !== undefined);
  const made = linked ? model.trust.spec.clusters.map((cluster) => estateOf(model, cluster)) : [];
  estates.set(model, made);
  return made;
}

function estateOf(model: Model, cluster: Cluster): Estate {
  const context = makeContext({ model, cluster });
  const reached = [...model.services.values()].flatMap((service): Reached[] => {
    if (!service.clusters.includes(cluster.name)) return [];
    const { client, proxy } = permissionsOf(cluster, service, []);
    const byProxy = proxyLogsIn(service);
    const statements = byProxy ? proxy : client;
    if (statements.length === 0) return [];
    const granted = grantedWorkloads(context, service, () => true).map(({ workload }) => workload.id);
    return [{ service, byProxy, statements, granted: new Set(granted) }];
  });
  return {
    cluster,
    context,
    reached,
    index: chainIndex(compileAws({ model, cluster }).targets),
    workloads: [...model.workloads.values()].filter(
      ({ clusters, spec }) => spec.aws !== undefined && clusters.includes(cluster.name),
    ),
  };
}

/** ARNs of the roles that a workload may take in a cluster. */
export function rolesOf(cluster: Cluster, workload: Workload): string[] {
  const own = workloadRole(cluster, workload)?.arn;
  const others = (workload.spec.aws?.assume ?? []).map(
    (assumed) => assumedRole(cluster, workload, assumed).arn,
  );
  return [...(own === undefined ? [] : [own]), ...others];
}

/** What the workload's own role may do, as far as it is known. */
export function heldBy({ cluster, index }: Estate, workload: Workload): readonly ReadStatement[] {
  const known = (workload.spec.aws?.existing?.permissions ?? []).flatMap((text) => {
    try {
      return readIamDocument(text);
    } catch (error) {
      if (error instanceof IamTextError) return [];
      throw error;
    }
  });
  return [...rolesOf(cluster, workload).flatMap((role) => index.statements(role)), ...known];
}
