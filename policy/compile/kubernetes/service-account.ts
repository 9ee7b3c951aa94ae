import { compareText } from "../../finding.ts";
import { joinName } from "../../model/names.ts";
import type { Workload } from "../../model/types.ts";
import { workloadRole } from "../../plan/aws-role.ts";
import { findingAt } from "../report.ts";
import { managedLabels, type Target } from "../target.ts";
import { type Context, kubeTarget } from "./context.ts";
import type { ServiceAccount } from "./objects.ts";

/** Read by EKS's webhook, which then gives the pods a token for the role (IRSA). */
const ROLE_ANNOTATION = "eks.amazonaws.com/role-arn";

/**
 * The service accounts of the cluster's workloads. Workloads of one service account share one identity, so the first of
 * them (by name) makes it; two AWS roles for one account are an error.
 */
export function serviceAccounts(context: Context): Target<ServiceAccount>[] {
  const byAccount = new Map<string, Workload[]>();
  const workloads = [...context.model.workloads.values()].sort((a, b) => compareText(a.id, b.id));
  for (const workload of workloads) {
    if (!workload.clusters.includes(context.cluster.name)) continue;
    const account = `${workload.namespace}/${workload.serviceAccount}`;
    byAccount.set(account, [...(byAccount.get(account) ?? []), workload]);
  }
  return [...byAccount.values()].flatMap((sharing) => serviceAccount(context, sharing));
}

function serviceAccount(context: Context, sharing: readonly Workload[]): Target<ServiceAccount>[] {
  const { cluster } = context;
  const roles = new Map<string, Workload>();
  for (const workload of sharing) {
    const role = workload.spec.aws?.mode === "irsa" ? workloadRole(cluster, workload)?.arn : undefined;
    if (role !== undefined && !roles.has(role)) roles.set(role, workload);
  }
  const [role, ...others] = roles.keys();
  for (const other of others) {
    const workload = roles.get(other);
    context.findings.push(
      findingAt(
        "PR602",
        "error",
        { kind: "Workload", id: workload?.id ?? "", position: workload?.position },
        `service account ${workload?.namespace}/${workload?.serviceAccount} would take two roles, ${role} and ${other}`,
        "give the workloads one role, or a service account each",
      ),
    );
  }
  const owner = sharing.find((workload) => workload.spec.createServiceAccount);
  if (!owner) return [];
  const object: ServiceAccount = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name: owner.serviceAccount,
      namespace: owner.namespace,
      labels: { ...owner.labels, ...managedLabels(joinName([owner.namespace, owner.name])) },
      ...(role !== undefined && { annotations: { [ROLE_ANNOTATION]: role } }),
    },
  };
  const causes = sharing.map((workload) => `Workload/${workload.id}`);
  return [kubeTarget("WorkloadIdentity", owner.id, causes, object)];
}
