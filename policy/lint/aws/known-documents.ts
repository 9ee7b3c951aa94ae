import { IamTextError } from "../../compile/aws/iam-text.ts";
import type { Model, Workload } from "../../model/types.ts";
import type { Breach } from "../rule.ts";
import { checkPermissionDocument } from "./check-permission-document.ts";
import { checkTrustDocument } from "./check-trust-document.ts";
import type { DocumentBreach } from "./document-breach.ts";

/** What the documents of existing roles breach of one guardrail. Ours are right by construction, and tested to be. */
export function* knownDocumentBreaches(model: Model, rule: DocumentBreach["rule"]): Iterable<Breach> {
  for (const workload of model.workloads.values()) {
    const existing = workload.spec.aws?.existing;
    if (!existing) continue;
    const path = ["spec", "aws", "existing"];
    if (existing.trust !== undefined) {
      const found = checked(() => checkTrustDocument(existing.trust));
      yield* breaches(workload, rule, [...path, "trust"], "trust document", found);
    }
    for (const [index, text] of existing.permissions.entries()) {
      const found = checked(() => checkPermissionDocument(text));
      yield* breaches(workload, rule, [...path, "permissions", index], "permission document", found);
    }
  }
}

/** Text that is no document breaks the chain (PR614), and is told there. */
function checked(check: () => DocumentBreach[]): DocumentBreach[] {
  try {
    return check();
  } catch (error) {
    if (error instanceof IamTextError) return [];
    throw error;
  }
}

function* breaches(
  workload: Workload,
  rule: string,
  path: (string | number)[],
  what: string,
  found: readonly DocumentBreach[],
): Iterable<Breach> {
  for (const breach of found) {
    if (breach.rule !== rule) continue;
    yield {
      object: `Workload/${workload.id}`,
      path,
      message: `the ${what} of ${workload.id}'s role, ${breach.statement}: ${breach.message}`,
    };
  }
}
