import { findingAt } from "../report.ts";
import type { Context } from "./context.ts";

/**
 * IAM reads `*` and `?` in a resource and in an ARN condition as wildcards. Where a policy names one thing, such a sign
 * would make it many; only Kafka's topics and groups may be patterns.
 */
export function exactNames(context: Context): void {
  const { model, cluster, findings } = context;
  for (const service of model.services.values()) {
    const { aws } = service.spec;
    if (!aws) continue;
    const texts: [string, string | undefined][] = [
      ["aws.rds.resourceId", aws.rds?.resourceId],
      ...(aws.rds?.users ?? []).map((user): [string, string] => ["aws.rds.users", user]),
      ["aws.elasticache.replicationGroup", aws.elasticache?.replicationGroup],
      ...(aws.elasticache?.users ?? []).map((user): [string, string] => ["aws.elasticache.users", user]),
      ["aws.msk.cluster", aws.msk?.cluster],
      ["aws.msk.uuid", aws.msk?.uuid],
      ["aws.secret", aws.secret],
    ];
    for (const [field, text] of texts) {
      if (text === undefined || !/[*?]/.test(text)) continue;
      findings.push(
        findingAt(
          "PR607",
          "error",
          { kind: "Service", id: service.name, position: service.position },
          `\`${field}\` of ${service.name} is "${text}", which IAM would read as a pattern`,
          "name one exactly",
        ),
      );
    }
  }
  for (const workload of model.workloads.values()) {
    const { aws } = workload.spec;
    if (aws?.mode !== "roles-anywhere" || !/[*?]/.test(aws.trustAnchorArn)) continue;
    findings.push(
      findingAt(
        "PR607",
        "error",
        { kind: "Workload", id: workload.id, position: workload.position },
        `\`aws.trustAnchorArn\` of ${workload.id} is "${aws.trustAnchorArn}", which IAM would read as a pattern: any such anchor's CA could vouch for it`,
        "name one trust anchor exactly",
      ),
    );
  }
  if (cluster.eks && /[*?]/.test(cluster.eks.name)) {
    findings.push(
      findingAt(
        "PR607",
        "error",
        { kind: "Trust", id: model.trust.name, position: model.trust.position },
        `\`eks.name\` of cluster ${cluster.name} is "${cluster.eks.name}", which IAM would read as a pattern`,
        "write the cluster's name",
      ),
    );
  }
}
