import { evaluate } from "../../compile/aws/evaluate.ts";
import type { ReadStatement } from "../../compile/aws/iam-text.ts";
import { type Estate, estatesOf, heldBy, type Reached } from "../aws/estate.ts";
import { DATABASE_SAMPLE, existingSample, grantSample, permission, TRUST_SAMPLE } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

const APP = "arn:aws:rds-db:eu-central-1:111122223333:dbuser:cluster-ABC/app";

/** PR640. */
export const awsWiderThanMesh: LintRule = {
  id: "PR640",
  title: "IAM wider than the grants",
  severity: "error",
  waivable: true,
  why: "The role may log in to a service to which no grant of the workload leads (a shared role, two Services that are one database, a policy attached by hand): only the network still stands between them, and nobody sees it in the policies.",
  fix: "give the workload a role of its own, take the permission away, or write the grant",
  bad:
    TRUST_SAMPLE + DATABASE_SAMPLE + existingSample("irsa", permission("rds-db:connect", APP), "permissions"),
  good:
    TRUST_SAMPLE +
    DATABASE_SAMPLE +
    existingSample("irsa", permission("rds-db:connect", APP), "permissions") +
    grantSample("shop/api"),
  *check({ model }): Iterable<Breach> {
    const told = new Set<string>();
    for (const estate of estatesOf(model)) {
      const byResource = resourcesOf(estate.reached);
      for (const workload of estate.workloads) {
        const statements = heldBy(estate, workload);
        for (const reached of candidates(statements, byResource, estate)) {
          const { service, byProxy, granted } = reached;
          if ((!byProxy && granted.has(workload.id)) || !mayLogIn(statements, reached)) continue;
          const message = byProxy
            ? `the role of ${workload.id} may log in to ${service.name} itself, past the proxy that logs in for its clients`
            : `the role of ${workload.id} may log in to ${service.name}, and no grant lets the workload reach it`;
          if (told.has(message)) continue;
          told.add(message);
          yield { object: `Workload/${workload.id}`, path: ["spec", "aws"], message };
        }
      }
    }
  },
};

function resourcesOf(reached: readonly Reached[]): ReadonlyMap<string, readonly Reached[]> {
  const byResource = new Map<string, Reached[]>();
  for (const one of reached) {
    for (const resource of one.statements.flatMap(({ Resource = [] }) => Resource)) {
      byResource.set(resource, [...(byResource.get(resource) ?? []), one]);
    }
  }
  return byResource;
}

/** Comparing each role with each service would take hours for an estate: exact ARNs are looked up, patterns are compared. */
function candidates(
  statements: readonly ReadStatement[],
  byResource: ReadonlyMap<string, readonly Reached[]>,
  { reached }: Estate,
): ReadonlySet<Reached> {
  const exact = statements.flatMap(({ resources }) => resources.flatMap((arn) => byResource.get(arn) ?? []));
  const wide = statements.filter(
    ({ effect, inverted, resources }) =>
      effect === "Allow" &&
      (inverted.includes("NotResource") || resources.some((arn) => /[*?]/.test(arn) && !byResource.has(arn))),
  );
  return new Set([...exact, ...(wide.length > 0 ? reached : [])]);
}

/** Whether every action of one way in may be done. A user that may be taken is enough, whatever the others. */
function mayLogIn(statements: readonly ReadStatement[], reached: Reached): boolean {
  return reached.statements.every(({ Action, Resource = [] }) =>
    Action.every((action) =>
      Resource.some((resource) => evaluate(statements, { action, resource, context: {} }) !== "no"),
    ),
  );
}
