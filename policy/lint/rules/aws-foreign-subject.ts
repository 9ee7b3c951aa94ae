import { IamTextError, type ReadStatement, readIamDocument } from "../../compile/aws/iam-text.ts";
import type { Model } from "../../model/types.ts";
import { existingSample, irsaExact, irsaForeignSubject, TRUST_SAMPLE } from "../aws/sample.ts";
import type { Breach, LintRule } from "../rule.ts";

/** PR634. */
export const awsForeignSubject: LintRule = {
  id: "PR634",
  title: "Trust for a subject that is no workload",
  severity: "error",
  waivable: true,
  why: "Whoever may make a service account of that name in that namespace can take the role: what is not a Workload has no grants, and nobody reviews it.",
  fix: "define the Workload, or take the subject out of the role's trust",
  bad: TRUST_SAMPLE + existingSample("irsa", irsaForeignSubject),
  good: TRUST_SAMPLE + existingSample("irsa", irsaExact),
  *check({ model }): Iterable<Breach> {
    const subjects = knownSubjects(model);
    for (const { id, spec } of model.workloads.values()) {
      const text = spec.aws?.existing?.trust;
      if (text === undefined) continue;
      for (const subject of statementsOf(text).flatMap(subjectsOf)) {
        // Patterns are PR631's.
        if (/[*?]/.test(subject) || subjects.has(subject)) continue;
        yield {
          object: `Workload/${id}`,
          path: ["spec", "aws", "existing", "trust"],
          message: `the trust of ${id}'s role names ${subject}, and no Workload is that`,
        };
      }
    }
  },
};

function knownSubjects(model: Model): ReadonlySet<string> {
  return new Set(
    [...model.workloads.values()].flatMap(({ namespace, serviceAccount, spiffeId }) => [
      `system:serviceaccount:${namespace}:${serviceAccount}`,
      spiffeId,
    ]),
  );
}

/** The subjects that a statement names, whichever way in it is for. */
function subjectsOf({ effect, conditions }: ReadStatement): string[] {
  if (effect !== "Allow") return [];
  const valuesOf = (test: (key: string) => boolean) =>
    conditions.flatMap(({ key, operator, values }) =>
      test(key.toLowerCase()) && !operator.includes("Not") ? values : [],
    );
  const namespaces = valuesOf((key) => key === "aws:requesttag/kubernetes-namespace");
  const accounts = valuesOf((key) => key === "aws:requesttag/kubernetes-service-account");
  return [
    ...valuesOf((key) => key.endsWith(":sub")),
    ...valuesOf((key) => key === "aws:principaltag/x509san/uri"),
    ...namespaces.flatMap((namespace) =>
      accounts.map((account) => `system:serviceaccount:${namespace}:${account}`),
    ),
  ];
}

function statementsOf(text: string): ReadStatement[] {
  try {
    return readIamDocument(text);
  } catch (error) {
    if (error instanceof IamTextError) return [];
    throw error;
  }
}
