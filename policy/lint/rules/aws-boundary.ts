import { existingSample, irsaExact, TRUST_SAMPLE, workloadSample } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR635. */
export const awsBoundary: LintRule = {
  id: "PR635",
  title: "Role without the boundary that Trust asks for",
  severity: "error",
  waivable: true,
  why: "Trust's `defaults.permissionsBoundary` is what every role must carry: without it, whoever may attach policies to the role may give it anything. Told of roles that state another boundary, and of existing roles whose boundary is known to be another or none.",
  fix: "leave `permissionsBoundary` out, or set the boundary on the existing role",
  bad:
    TRUST_SAMPLE +
    workloadSample(
      "shop/api",
      '{ mode: irsa, permissionsBoundary: "arn:aws:iam::111122223333:policy/other" }',
    ),
  good: TRUST_SAMPLE + existingSample("irsa", irsaExact),
  *check({ model }): Iterable<Breach> {
    const wanted = model.trust.spec.defaults.permissionsBoundary;
    if (wanted === undefined) return;
    for (const { id, spec } of model.workloads.values()) {
      const { aws } = spec;
      if (!aws) continue;
      const known: string | undefined =
        aws.roleArn === undefined ? (aws.permissionsBoundary ?? wanted) : boundary(aws.existing);
      if (known === undefined || known === wanted) continue;
      yield {
        object: `Workload/${id}`,
        path: ["spec", "aws"],
        message: `the role of ${id} has ${known === "" ? "no boundary" : `the boundary ${known}`}, and Trust asks for ${wanted}`,
      };
    }
  },
};

/** Empty where the role is known to have none; undefined where nothing is known of it. */
function boundary(existing: { permissionsBoundary?: string | undefined } | undefined): string | undefined {
  return existing && (existing.permissionsBoundary ?? "");
}
