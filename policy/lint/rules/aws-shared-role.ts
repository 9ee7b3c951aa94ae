import { workloadRole } from "../../plan/aws-role.ts";
import { TRUST_SAMPLE, workloadSample } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

const SHARED = '{ mode: irsa, roleArn: "arn:aws:iam::111122223333:role/shared" }';

/** PR638. */
export const awsSharedRole: LintRule = {
  id: "PR638",
  title: "Role that two namespaces can take",
  severity: "error",
  waivable: true,
  why: "What one namespace is granted the other gets as well: the role's permissions add up, and AWS's logs cannot tell the two apart.",
  fix: "give each namespace a role of its own",
  bad: TRUST_SAMPLE + workloadSample("shop/api", SHARED) + workloadSample("batch/api", SHARED),
  good: TRUST_SAMPLE + workloadSample("shop/api", SHARED) + workloadSample("shop/worker", SHARED),
  *check({ model }): Iterable<Breach> {
    const byRole = new Map<string, Map<string, string>>();
    for (const cluster of model.trust.spec.clusters) {
      for (const workload of model.workloads.values()) {
        const role = workload.clusters.includes(cluster.name)
          ? workloadRole(cluster, workload)?.arn
          : undefined;
        if (role === undefined) continue;
        const takers = byRole.get(role) ?? new Map<string, string>();
        byRole.set(role, takers.set(workload.id, workload.namespace));
      }
    }
    for (const [role, takers] of byRole) {
      const namespaces = [...new Set(takers.values())].sort();
      if (namespaces.length < 2) continue;
      for (const [id, namespace] of takers) {
        const others = namespaces.filter((other) => other !== namespace).join(", ");
        yield {
          object: `Workload/${id}`,
          path: ["spec", "aws"],
          message: `the role ${role} of ${id} can also be taken in ${others}`,
        };
      }
    }
  },
};
