import type { Finding } from "../../finding.ts";
import type { Cluster, Model, Service, Workload } from "../../model/types.ts";
import type { Compiled } from "../target.ts";
import { chainFinder } from "./chain.ts";
import { makeContext } from "./context.ts";
import { grantedWorkloads } from "./holders.ts";
import type { AwsObject } from "./objects.ts";

/**
 * One PR614 for each chain that the policies ask for and that is broken: a workload with an AWS role that is granted a service
 * with an AWS side. It names the first broken link, so that the preview fails and not the incident call.
 *
 * @param findings of all compilers
 */
export function brokenChains(
  model: Model,
  cluster: Cluster,
  aws: Compiled<AwsObject>,
  findings: readonly Finding[],
): Finding[] {
  if (![...model.workloads.values()].some(({ spec }) => spec.aws !== undefined)) return [];
  const find = chainFinder(model, cluster, { aws, findings });
  return [...wanted(model, cluster)].flatMap(([workload, service]): Finding[] => {
    const { broken } = find(workload, service);
    if (!broken) return [];
    const position = broken.position ?? workload.position;
    return [
      {
        rule: "PR614",
        severity: "error",
        message: `the chain ${workload.id} → ${service.name} breaks at its link "${broken.name}": ${broken.reason}`,
        fix: broken.fix,
        object: `Workload/${workload.id}`,
        ...(position && { position }),
      },
    ];
  });
}

/** Whoever a grant opens the service to; and whoever a grant names, though a deny refuses it: that is a contradiction. */
function* wanted(model: Model, cluster: Cluster): Iterable<[Workload, Service]> {
  const context = makeContext({ model, cluster });
  for (const service of model.services.values()) {
    if (service.spec.aws === undefined || !service.clusters.includes(cluster.name)) continue;
    const found = new Set(grantedWorkloads(context, service, () => true).map(({ workload }) => workload));
    for (const rule of context.rules.get(service.name) ?? []) {
      const grant = rule.source === "grant" ? model.grants.get(rule.id) : undefined;
      if (rule.action !== "allow" || !grant) continue;
      for (const id of grant.spec.from.workloads) {
        const named = model.workloads.get(id);
        if (named?.clusters.includes(cluster.name)) found.add(named);
      }
    }
    for (const workload of found) if (workload.spec.aws !== undefined) yield [workload, service];
  }
}
