import { runSimulation } from "@cloud-copilot/iam-simulate";
import type { IamDocument } from "../../policy/compile/aws/objects.ts";

/** One call to AWS, as IAM sees it. */
export interface Call {
  /** ARN of the caller, a service (`pods.eks.amazonaws.com`) or an OIDC provider's ARN. */
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly account: string;
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Whether IAM would allow a call, by a simulator that is not ours. Throws when it refuses to simulate: a mistyped action or
 * key must never look like a denial.
 */
export async function allowed(
  call: Call,
  documents: { readonly trust?: IamDocument; readonly permissions?: readonly IamDocument[] },
): Promise<boolean> {
  const result = await runSimulation(
    {
      request: {
        principal: call.principal,
        action: call.action,
        resource: { resource: call.resource, accountId: call.account },
        contextVariables: { ...call.context },
      },
      identityPolicies: (documents.permissions ?? []).map((policy, index) => ({
        name: `policy-${index}`,
        policy,
      })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: documents.trust,
    },
    {},
  );
  if (result.resultType === "error") throw new Error(JSON.stringify(result.errors));
  if (result.resultType === "single") {
    const ignored = result.result.ignoredContextKeys ?? [];
    if (ignored.length > 0) throw new Error(`the simulator ignores ${ignored.join(", ")}`);
  }
  return result.overallResult === "Allowed";
}
