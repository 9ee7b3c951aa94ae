import type { Service, Workload } from "../../model/types.ts";
import { assumedRole, awsPartition } from "../../plan/aws-role.ts";
import { findingAt } from "../report.ts";
import type { Target } from "../target.ts";
import { awsTags, awsTarget, type Context } from "./context.ts";
import type { AwsObject } from "./objects.ts";
import type { Allowance } from "./policy.ts";
import { checkTrustSize, type Holder, referenceTo, sessionTags } from "./role.ts";
import { chainTrust } from "./trust-document.ts";

/** The roles of other accounts that a workload may take, by account, and what they are made of. */
export interface RoleChain {
  readonly targets: readonly Target<AwsObject>[];
  /** What the first role holds so that it may take the others. */
  readonly allowance: Allowance;
  readonly byAccount: ReadonlyMap<string, Holder>;
}

/** AWS ends the session of a role that was taken with another role's credentials after an hour, whatever the role says. */
const CHAINED_SECONDS = 3_600;

/** The second roles of a workload: one in each account that it names, each with trust for the first role alone. */
export function roleChain(context: Context, workload: Workload, first: Holder): RoleChain | undefined {
  const { cluster, model } = context;
  const { aws } = workload.spec;
  if (!aws?.assume) return undefined;
  const partition = awsPartition(aws.region ?? cluster.eks?.region ?? "");
  const causes = [`Trust/${model.trust.name}`, `Workload/${workload.id}`];
  const targets: Target<AwsObject>[] = [];
  const byAccount = new Map<string, Holder>();
  for (const assumed of aws.assume) {
    const { account } = assumed;
    if (account === first.account || byAccount.has(account) || first.account === "") {
      tellNoChain(context, workload, account, first.account);
      continue;
    }
    const role = assumedRole(cluster, workload, assumed);
    byAccount.set(account, {
      reference: referenceTo(role, `${account}/${role.name}`),
      label: `${account}/${role.name ?? `${workload.namespace}-${workload.name}`}`,
      account,
      subject: workload.id,
      cause: `Workload/${workload.id}`,
    });
    if (role.name === undefined) continue;
    const tagged = sessionTags(aws.mode);
    const trust = chainTrust(
      { arn: first.reference.arn, account: first.account, partition },
      assumed.externalId,
      tagged,
    );
    checkTrustSize(context, workload, trust);
    targets.push(
      awsTarget("WorkloadIdentity", workload.id, causes, `${account}/${role.name}`, {
        type: "iam.Role",
        name: role.name,
        path: role.path,
        arn: role.arn,
        account,
        description: `${workload.id} by way of ${first.label}`.slice(0, 1000),
        trust,
        chainedFrom: first.reference.arn,
        ...(assumed.permissionsBoundary !== undefined && {
          permissionsBoundary: assumed.permissionsBoundary,
        }),
        maxSessionDuration: CHAINED_SECONDS,
        tags: awsTags(workload.id, workload.spec.owner, trust),
      }),
    );
  }
  return {
    targets,
    byAccount,
    allowance: {
      owner: "WorkloadIdentity",
      subject: workload.id,
      causes,
      about: "chain",
      reviewer: workload.spec.owner,
      name: [first.label, "chain"],
      statements: [
        {
          Sid: "AssumeRoles",
          Effect: "Allow",
          Action: ["sts:AssumeRole", ...(sessionTags(aws.mode) ? ["sts:TagSession"] : [])],
          Resource: [...byAccount.values()].map(({ reference }) => reference.arn),
        },
      ],
    },
  };
}

/**
 * The role that holds the permission for a service: the one of the service's account, else the workload's own.
 *
 * RDS and ElastiCache take tokens of roles of their own account only; MSK and Secrets Manager can let others in.
 */
export function holderFor(
  context: Context,
  workload: Workload,
  service: Service,
  own: Holder,
  chain: RoleChain | undefined,
): Holder | undefined {
  const account = service.spec.aws?.account ?? context.cluster.eks?.account;
  const chained = account === undefined ? undefined : chain?.byAccount.get(account);
  if (chained) return chained;
  const { rds, elasticache } = service.spec.aws ?? {};
  if (account === undefined || own.account === "" || account === own.account || !(rds || elasticache)) {
    return own;
  }
  const finding = findingAt(
    "PR612",
    "error",
    { kind: "Workload", id: workload.id, position: workload.position },
    `${workload.id} is granted ${service.name} in account ${account}, and its role is in ${own.account}: the service takes tokens of its own account's roles only`,
    `add \`aws.assume\` with a role of account ${account} and an \`externalId\`, or let the proxy log in with \`auth\``,
  );
  // Once, however many windows the grants have.
  if (!context.findings.some(({ message }) => message === finding.message)) context.findings.push(finding);
  return undefined;
}

function tellNoChain(context: Context, workload: Workload, account: string, own: string): void {
  const [what, fix] =
    own === ""
      ? ["and the account of its own role is not known", "set `aws.account`"]
      : account === own
        ? ["which is the account of its own role", "remove it: the role itself can hold the permissions"]
        : ["twice", "keep one role an account"];
  context.findings.push(
    findingAt(
      "PR613",
      "error",
      { kind: "Workload", id: workload.id, position: workload.position },
      `\`aws.assume\` of ${workload.id} names account ${account}, ${what}`.replace(", twice", " twice"),
      fix,
    ),
  );
}
