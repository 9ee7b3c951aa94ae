import * as pulumi from "@pulumi/pulumi";
import { accessTable } from "../policy/model/access.ts";
import type { AccessRow } from "../policy/model/types.ts";
import { AccessPolicy } from "./access-policy.ts";
import { AccessReport } from "./access-report.ts";
import { fromSet } from "./from-set.ts";
import { tellWarnings } from "./lower/index.ts";
import { MeshGuards } from "./mesh-guards.ts";
import { openPolicySet, type PolicySet, type PolicySetArgs, targetsOf } from "./policy-set.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { TcpService } from "./tcp-service.ts";
import { WorkloadIdentity } from "./workload-identity.ts";

/** Arguments of {@link AccessPlane}. */
export type AccessPlaneArgs = PolicySetArgs;

/**
 * A whole policy set as one stack: every service, workload, grant, the guards and the proxy of one cluster.
 *
 * Everything is checked before the first resource is registered; a policy that is wrong fails the preview with the
 * line that is wrong, and nothing is half-applied. Options such as `provider`, `protect` and `transforms` reach every
 * child; `ignoreChanges` does not (Pulumi applies it to the component only): use a `transforms` entry for that.
 *
 * A preview tells on the component who gains and who loses access, compared with the table that the last deployment recorded.
 *
 * @example
 * ```ts
 * const plane = new AccessPlane("prod", { policies: "policies", refs: { ordersDb: db.endpoint } });
 * export const access = plane.accessTable;
 * ```
 * @throws PolicyError with every problem at once, each with file, line and column.
 */
export class AccessPlane extends pulumi.ComponentResource {
  /** `sha256:…` of the policy set. */
  readonly policyDigest: pulumi.Output<string>;
  /** Who may reach what, and through which enforcement point. */
  readonly accessTable: pulumi.Output<readonly AccessRow[]>;
  /** DNS name of the proxy inside the cluster; undefined when no grant needs it. */
  readonly proxyAddress: pulumi.Output<string | undefined>;
  /** By name. */
  readonly services: Readonly<Record<string, TcpService>>;
  /** By id, `namespace/name`. */
  readonly workloads: Readonly<Record<string, WorkloadIdentity>>;

  constructor(name: string, args: AccessPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    const set = openPolicySet(args, "service");
    const { model } = set;
    const table = accessTable(model, set.cluster);
    const report = new AccessReport(name, table, set.now);
    super("portreeve:index:AccessPlane", name, { access: report.input }, report.hookedInto(opts));
    report.tellOn(this);
    tellWarnings(this, set.warnings);
    const child = { parent: this };

    if (targetsOf(set, "MeshGuards").length > 0) new MeshGuards(`${name}-guards`, fromSet(set), child);
    this.workloads = Object.fromEntries(
      [...model.workloads.values()]
        .filter((workload) => workload.clusters.includes(set.cluster.name))
        .map((workload) => [
          workload.id,
          new WorkloadIdentity(`${name}-${workload.id.replace("/", ".")}`, fromSet(set, workload.id), child),
        ]),
    );
    this.services = Object.fromEntries(
      [...model.services.values()]
        .filter((service) => service.clusters.includes(set.cluster.name))
        .map((service) => [
          service.name,
          new TcpService(`${name}-${service.name}`, fromSet(set, service.name), child),
        ]),
    );
    for (const subject of subjectsOf(set))
      new AccessPolicy(`${name}-${subject}`, fromSet(set, subject), child);
    const proxy =
      targetsOf(set, "TcpProxy").length > 0 ? new TcpProxy(`${name}-proxy`, fromSet(set), child) : undefined;

    this.policyDigest = pulumi.output(model.digest);
    this.accessTable = pulumi.output(table.map(withoutPosition));
    this.proxyAddress = pulumi.output(proxy?.address);
    this.registerOutputs({
      policyDigest: this.policyDigest,
      accessTable: this.accessTable,
      proxyAddress: this.proxyAddress,
    });
  }
}

function subjectsOf(set: PolicySet): string[] {
  return [...new Set(targetsOf(set, "AccessPolicy").map(({ target }) => target.subject))];
}

/** Positions are paths of the machine that ran the preview: they would show as a change on the next one. */
function withoutPosition(row: AccessRow): AccessRow {
  return { ...row, position: undefined };
}
