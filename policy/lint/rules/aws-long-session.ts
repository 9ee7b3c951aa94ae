import { milliseconds } from "../../schema/index.ts";
import { TRUST_SAMPLE, workloadSample } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

/** Longest session that is not told of. EKS Pod Identity itself ends one after six hours. */
const LONGEST_HOURS = 4;

/** PR637. */
export const awsLongSession: LintRule = {
  id: "PR637",
  title: "Long session",
  severity: "warning",
  waivable: true,
  why: `Credentials that were stolen work until their session ends, wherever they are used from. Warned of above ${LONGEST_HOURS} hours; IAM takes up to 12. The session of a role of another account ends after one hour whatever is asked for.`,
  fix: "leave `sessionDuration` out (1h); the SDKs renew credentials by themselves",
  bad: TRUST_SAMPLE + workloadSample("shop/api", "{ mode: irsa, sessionDuration: 12h }"),
  good: TRUST_SAMPLE + workloadSample("shop/api", "{ mode: irsa, sessionDuration: 2h }"),
  *check({ model }): Iterable<Breach> {
    for (const { id, spec } of model.workloads.values()) {
      const duration = spec.aws?.sessionDuration;
      if (duration === undefined || milliseconds(duration) <= LONGEST_HOURS * 3_600_000) continue;
      yield {
        object: `Workload/${id}`,
        path: ["spec", "aws", "sessionDuration"],
        message: `sessions of ${id}'s role may last ${duration}`,
      };
    }
  },
};
