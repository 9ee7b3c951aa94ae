import { joinName } from "../model/names.ts";
import type { Cluster, Trust, Workload } from "../model/types.ts";

/** IAM's limit for the name of a role. */
const MAX_ROLE_NAME = 64;

/** A role as it will be named. */
export interface PlannedRole {
  /** The ARN, as planned; or the text that the policy gives for an existing role. */
  readonly arn: string;
  /** Undefined for an existing role, which may be known only at deployment. */
  readonly name: string | undefined;
  readonly path: string;
  readonly account: string | undefined;
}

/** The partition of a region, the second part of every ARN in it. */
export function awsPartition(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

/**
 * The role that a workload takes in a cluster; undefined when it takes none, or when the account is not known (PR601).
 * Its ARN is known before the role exists, so that nothing has to wait for it.
 */
export function workloadRole(cluster: Cluster, workload: Workload): PlannedRole | undefined {
  const { aws } = workload.spec;
  if (!aws) return undefined;
  const account = aws.account ?? cluster.eks?.account;
  if (aws.roleArn !== undefined) return { arn: aws.roleArn, name: undefined, path: "/", account };
  if (account === undefined) return undefined;
  const name = aws.roleName ?? joinName([cluster.name, workload.namespace, workload.name], MAX_ROLE_NAME);
  return planned(cluster, account, aws.path ?? "/", name, aws.region);
}

type Assumed = NonNullable<NonNullable<Workload["spec"]["aws"]>["assume"]>[number];

/** The role of another account that a workload's own role may take. */
export function assumedRole(cluster: Cluster, workload: Workload, assumed: Assumed): PlannedRole {
  const { account } = assumed;
  if (assumed.roleArn !== undefined) return { arn: assumed.roleArn, name: undefined, path: "/", account };
  const name = assumed.roleName ?? joinName([cluster.name, workload.namespace, workload.name], MAX_ROLE_NAME);
  return planned(cluster, account, assumed.path ?? "/", name, workload.spec.aws?.region);
}

/** The role of the proxy, which logs in to databases for its clients; undefined outside of EKS. */
export function proxyRole(cluster: Cluster, trust: Trust): PlannedRole | undefined {
  const { namespace, serviceAccount } = trust.spec.proxy;
  if (!cluster.eks) return undefined;
  return planned(
    cluster,
    cluster.eks.account,
    "/",
    joinName([cluster.name, namespace, serviceAccount], MAX_ROLE_NAME),
  );
}

function planned(
  cluster: Cluster,
  account: string,
  path: string,
  name: string,
  region?: string,
): PlannedRole {
  const partition = awsPartition(region ?? cluster.eks?.region ?? "");
  return { arn: `arn:${partition}:iam::${account}:role${path}${name}`, name, path, account };
}
