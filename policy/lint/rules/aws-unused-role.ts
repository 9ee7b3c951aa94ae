import { estatesOf } from "../aws/estate.ts";
import { DATABASE_SAMPLE, grantSample, TRUST_SAMPLE, workloadSample } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR639. */
export const awsUnusedRole: LintRule = {
  id: "PR639",
  title: "Role without a use",
  severity: "warning",
  waivable: true,
  why: "A role that no grant needs is still a role that can be taken, and to which somebody will attach a policy one day.",
  fix: "remove the Workload's `aws` block, or write the grant that it is for",
  bad: TRUST_SAMPLE + DATABASE_SAMPLE + workloadSample("shop/api", "{ mode: pod-identity }"),
  good:
    TRUST_SAMPLE +
    DATABASE_SAMPLE +
    workloadSample("shop/api", "{ mode: pod-identity }") +
    grantSample("shop/api"),
  *check({ model }): Iterable<Breach> {
    const used = new Set(
      estatesOf(model).flatMap(({ reached }) =>
        reached.flatMap(({ byProxy, granted }) => (byProxy ? [] : [...granted])),
      ),
    );
    for (const { id, spec } of model.workloads.values()) {
      // A role that exists has a life of its own.
      if (!spec.aws || spec.aws.roleArn !== undefined || used.has(id)) continue;
      yield {
        object: `Workload/${id}`,
        path: ["spec", "aws"],
        message: `${id} gets a role, and no service that it is granted asks for an IAM permission`,
      };
    }
  },
};
