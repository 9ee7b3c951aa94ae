import { joinName } from "../../model/names.ts";
import { awsPartition } from "../../plan/aws-role.ts";
import { findingAt } from "../report.ts";
import type { Owner, Target } from "../target.ts";
import { awsTags, awsTarget, type Context } from "./context.ts";
import { MAX_POLICIES_PER_ROLE, splitDocuments } from "./document.ts";
import type { AwsObject, IamDocument, IamPolicy, IamStatement } from "./objects.ts";
import type { Holder } from "./role.ts";

/** IAM's limit for the name of a managed policy. */
const MAX_POLICY_NAME = 128;

/** Statements that some roles hold because of one service (or grant), or of a role that they take. */
export interface Allowance {
  readonly owner: Owner;
  readonly subject: string;
  readonly causes: readonly string[];
  /** What the statements are told apart by when they are packed: the service's name. */
  readonly about: string;
  /** Who answers for what is reached. */
  readonly reviewer: string | undefined;
  /** Parts of the policy's name. */
  readonly name: readonly string[];
  readonly statements: readonly IamStatement[];
}

interface Attached {
  readonly allowance: Allowance;
  readonly policy: Target<IamPolicy>;
}

/**
 * The managed policies of all allowances, each made once however many roles hold it, and their attachments. A role that
 * would get more policies than IAM attaches gets its statements packed into as few as hold them.
 *
 * @param held which allowances each role holds
 */
export function policyTargets(
  context: Context,
  held: ReadonlyMap<Holder, readonly Allowance[]>,
): Target<AwsObject>[] {
  const targets = new Map<string, Target<AwsObject>>();
  const documents = new Map<Allowance, readonly IamDocument[]>();
  for (const [holder, allowances] of held) {
    const attached = allowances.flatMap((allowance): Attached[] => {
      const split = documents.get(allowance) ?? splitDocuments(allowance.statements);
      documents.set(allowance, split);
      return split.map((document, index) => ({
        allowance,
        policy: policyTarget(context, holder.account, allowance, document, index),
      }));
    });
    const fits = attached.length <= MAX_POLICIES_PER_ROLE ? attached : packed(context, holder, allowances);
    for (const { allowance, policy } of fits) {
      targets.set(policy.key, policy);
      const attachment = awsTarget(
        allowance.owner,
        allowance.subject,
        [...allowance.causes, holder.cause],
        `${holder.label}/${policy.object.name}`,
        {
          type: "iam.RolePolicyAttachment",
          account: holder.account,
          role: holder.reference,
          policy: { key: policy.key, arn: policy.object.arn },
        },
      );
      targets.set(attachment.key, attachment);
    }
  }
  return [...targets.values()];
}

function policyTarget(
  { cluster }: Context,
  account: string,
  allowance: Allowance,
  document: IamDocument,
  index: number,
): Target<IamPolicy> {
  const parts = [...allowance.name, ...(index === 0 ? [] : [String(index + 1)])];
  const name = joinName(parts, MAX_POLICY_NAME);
  // The same policy for roles of two accounts is two policies.
  const key = account === cluster.eks?.account ? name : `${account}/${name}`;
  const { owner, subject, causes, reviewer } = allowance;
  return awsTarget(owner, subject, causes, key, {
    type: "iam.Policy",
    name,
    path: "/",
    arn: `arn:${awsPartition(cluster.eks?.region ?? "")}:iam::${account}:policy/${name}`,
    account,
    description: `What ${subject} needs in cluster ${cluster.name}`.slice(0, 1000),
    document,
    tags: awsTags(subject, reviewer, document),
  });
}

/** All statements of one role in as few policies as hold them. Its own, since hardly another role holds the same. */
function packed(context: Context, holder: Holder, allowances: readonly Allowance[]): Attached[] {
  const [first] = allowances;
  if (!first) return [];
  const statements = allowances.flatMap(({ about, statements: list }) =>
    list.map((statement) => ({ ...statement, Sid: `${statement.Sid}${sidPart(about)}` })),
  );
  const allowance: Allowance = {
    ...first,
    owner: holder.subject === "proxy" ? "TcpProxy" : "WorkloadIdentity",
    subject: holder.subject,
    causes: [...new Set([holder.cause, ...allowances.flatMap(({ causes }) => causes)])].sort(),
    name: [holder.label.slice(holder.label.indexOf("/") + 1), "grants"],
    statements: distinctSids(statements),
  };
  const documents = splitDocuments(allowance.statements);
  if (documents.length > MAX_POLICIES_PER_ROLE) {
    context.findings.push(
      findingAt(
        "PR606",
        "error",
        {
          kind: holder.subject === "proxy" ? "Trust" : "Workload",
          id: holder.subject === "proxy" ? context.model.trust.name : holder.subject,
          position: context.model.workloads.get(holder.subject)?.position,
        },
        `the permissions of ${holder.subject} need ${documents.length} managed policies; IAM attaches ${MAX_POLICIES_PER_ROLE} to a role by default`,
        "split the workload, or grant it fewer services",
      ),
    );
  }
  return documents.map((document, index) => ({
    allowance,
    policy: policyTarget(context, holder.account, allowance, document, index),
  }));
}

/** A Sid is letters and digits only. */
function sidPart(name: string): string {
  return name
    .split("-")
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
}

/** `a-1b` and `a1b` would have one Sid, and a Sid is unique in its document. */
function distinctSids(statements: readonly IamStatement[]): IamStatement[] {
  const seen = new Map<string, number>();
  return statements.map((statement) => {
    const count = (seen.get(statement.Sid) ?? 0) + 1;
    seen.set(statement.Sid, count);
    return count === 1 ? statement : { ...statement, Sid: `${statement.Sid}X${count}` };
  });
}
