import { type AwsChain, awsChain } from "../compile/aws/chain.ts";
import { compileAll } from "../compile/index.ts";
import type { Connection } from "../decide/connection.ts";
import type { Model } from "../model/types.ts";

/**
 * The chain from a connection's workload to its service, link by link, in each cluster that has both: service account, SPIFFE
 * ID, association, trust, permission, security group, route, verdict. None when neither side has anything to do with AWS, or
 * when the workload is not one of the policies'.
 *
 * @param instant - epoch milliseconds, for the verdict
 */
export function explainChains(model: Model, connection: Connection, instant: number): AwsChain[] {
  const { workload: spiffeId } = connection.principal;
  const service = model.services.get(connection.service);
  const workloads = [...model.workloads.values()].filter((workload) => workload.spiffeId === spiffeId);
  return workloads.flatMap((workload) => {
    if (!service || (!workload.spec.aws && !service.spec.aws)) return [];
    const both = workload.clusters.filter((cluster) => service.clusters.includes(cluster));
    // With no cluster in common, the chain of each of the workload's clusters says so at its link `route`.
    const names = both.length > 0 ? both : workload.clusters;
    return model.trust.spec.clusters
      .filter(({ name }) => names.includes(name))
      .map((cluster) => {
        const { aws, findings } = compileAll({ model, cluster });
        return awsChain(model, cluster, workload, service, { instant, aws, findings });
      });
  });
}
