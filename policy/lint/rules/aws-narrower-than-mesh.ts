import { estatesOf } from "../aws/estate.ts";
import { DATABASE_SAMPLE, grantSample, TRUST_SAMPLE, workloadSample } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR641. */
export const awsNarrowerThanMesh: LintRule = {
  id: "PR641",
  title: "Grant without an IAM permission",
  severity: "info",
  waivable: true,
  why: "The network lets the workload through to a service that takes IAM logins, and the workload has no role to log in with: it needs a password then, or fails.",
  fix: "give the Workload an `aws` block, or let the proxy log in with `auth`",
  bad: TRUST_SAMPLE + DATABASE_SAMPLE + workloadSample("shop/api", "") + grantSample("shop/api"),
  good:
    TRUST_SAMPLE +
    DATABASE_SAMPLE +
    workloadSample("shop/api", "{ mode: pod-identity }") +
    grantSample("shop/api"),
  *check({ model }): Iterable<Breach> {
    const told = new Set<string>();
    for (const { reached } of estatesOf(model)) {
      for (const { service, byProxy, granted } of reached) {
        if (byProxy) continue;
        for (const id of granted) {
          const workload = model.workloads.get(id);
          if (!workload || workload.spec.aws || told.has(`${id} ${service.name}`)) continue;
          told.add(`${id} ${service.name}`);
          yield {
            object: `Workload/${id}`,
            message: `${id} is granted ${service.name}, which takes IAM logins, and has no AWS role`,
          };
        }
      }
    }
  },
};
