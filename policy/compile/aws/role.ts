import type { Cluster, Service, Workload } from "../../model/types.ts";
import { assumedRole, type PlannedRole, proxyRole, workloadRole } from "../../plan/aws-role.ts";
import { milliseconds } from "../../schema/index.ts";
import { findingAt } from "../report.ts";
import type { Target } from "../target.ts";
import { awsTags, awsTarget, type Context } from "./context.ts";
import { documentChars, MAX_TRUST_CHARS } from "./document.ts";
import type { AwsObject, IamDocument, RoleReference } from "./objects.ts";
import { irsaTrust, podIdentityTrust, rolesAnywhereTrust } from "./trust-document.ts";

type Link = NonNullable<Workload["spec"]["aws"]>;

/** A role that permissions are attached to. */
export interface Holder {
  readonly reference: RoleReference;
  /** What its attachments are named by. */
  readonly label: string;
  readonly account: string;
  readonly subject: string;
  readonly cause: string;
}

/** A workload's role, its trust, and what links the service account to it. */
export function workloadRoleTargets(
  context: Context,
  workload: Workload,
): { holder: Holder | undefined; targets: Target<AwsObject>[] } {
  const { aws } = workload.spec;
  if (!aws) return { holder: undefined, targets: [] };
  const role = workloadRole(context.cluster, workload);
  const broken =
    associationBreak(context.cluster, workload, aws, role) ??
    trustBreak(context.cluster, workload, aws, role);
  if (broken) {
    context.findings.push(findingAt("PR601", "error", blamed(workload), broken.message, broken.fix));
    return { holder: undefined, targets: [] };
  }
  if (!role) return { holder: undefined, targets: [] };
  const targets: Target<AwsObject>[] = [];
  const causes = [`Trust/${context.model.trust.name}`, `Workload/${workload.id}`];
  const reference = referenceTo(role);
  const add = (name: string, object: AwsObject) => {
    targets.push(awsTarget("WorkloadIdentity", workload.id, causes, name, object));
  };
  const seconds = sessionSeconds(context, workload, aws);
  if (role.name !== undefined && role.account !== undefined) {
    const trust = trustOf(context, workload, aws, role.account);
    if (trust) {
      checkTrustSize(context, workload, trust);
      const boundary = aws.permissionsBoundary ?? context.model.trust.spec.defaults.permissionsBoundary;
      add(role.name, {
        type: "iam.Role",
        name: role.name,
        path: role.path,
        arn: role.arn,
        account: role.account,
        description: `${workload.id} as ${workload.spiffeId}`.slice(0, 1000),
        trust,
        ...(boundary !== undefined && { permissionsBoundary: boundary }),
        maxSessionDuration: seconds,
        tags: awsTags(workload.id, workload.spec.owner, trust),
      });
    }
  }
  if (aws.mode === "pod-identity" && context.cluster.eks) {
    const { namespace, serviceAccount } = workload;
    add(`${namespace}/${serviceAccount}`, {
      type: "eks.PodIdentityAssociation",
      clusterName: context.cluster.eks.name,
      namespace,
      serviceAccount,
      role: reference,
      tags: awsTags(workload.id, workload.spec.owner, role.arn),
    });
  }
  if (aws.mode === "roles-anywhere") {
    const name = role.name ?? `${workload.namespace}-${workload.name}`;
    add(name, {
      type: "rolesanywhere.Profile",
      name: name.slice(0, 255),
      role: reference,
      durationSeconds: seconds,
      tags: awsTags(workload.id, workload.spec.owner, role.arn),
    });
  }
  const holder: Holder = {
    reference,
    label: role.name ?? `${workload.namespace}-${workload.name}`,
    account: role.account ?? "",
    subject: workload.id,
    cause: `Workload/${workload.id}`,
  };
  return { holder, targets };
}

/** The role with which the proxy logs in to databases; on EKS only, by Pod Identity. */
export function proxyRoleTargets(
  context: Context,
): { holder: Holder; targets: Target<AwsObject>[] } | undefined {
  const { model, cluster } = context;
  const role = proxyRole(cluster, model.trust);
  if (!cluster.eks || role?.name === undefined || role.account === undefined) return undefined;
  const { namespace, serviceAccount } = model.trust.spec.proxy;
  const trust = podIdentityTrust(cluster.eks, namespace, serviceAccount);
  const reference = referenceTo(role);
  const boundary = model.trust.spec.defaults.permissionsBoundary;
  const cause = `Trust/${model.trust.name}`;
  const targets: Target<AwsObject>[] = [
    awsTarget("TcpProxy", "proxy", [cause], role.name, {
      type: "iam.Role",
      name: role.name,
      path: role.path,
      arn: role.arn,
      account: role.account,
      description: `Portreeve proxy as ${model.proxySpiffeId}`.slice(0, 1000),
      trust,
      ...(boundary !== undefined && { permissionsBoundary: boundary }),
      maxSessionDuration: 3600,
      tags: awsTags("proxy", undefined, trust),
    }),
    awsTarget("TcpProxy", "proxy", [cause], `${namespace}/${serviceAccount}`, {
      type: "eks.PodIdentityAssociation",
      clusterName: cluster.eks.name,
      namespace,
      serviceAccount,
      role: reference,
      tags: awsTags("proxy", undefined, role.arn),
    }),
  ];
  return { holder: { reference, label: role.name, account: role.account, subject: "proxy", cause }, targets };
}

/** @param name of the role's target. @default the role's own name */
export function referenceTo(role: PlannedRole, name: string | undefined = role.name): RoleReference {
  return role.name === undefined
    ? { arn: role.arn }
    : { key: `iam.Role/${name}`, name: role.name, arn: role.arn };
}

interface Gap {
  readonly message: string;
  readonly fix: string;
}

/** What keeps EKS from associating the service account with its role; undefined when nothing does. */
export function associationBreak(
  { name, eks }: Cluster,
  workload: Workload,
  aws: Link,
  role: PlannedRole | undefined,
): Gap | undefined {
  if (aws.mode !== "pod-identity") return undefined;
  if (!eks) {
    return {
      message: `${workload.id} uses Pod Identity, and cluster ${name} has no \`eks\` block`,
      fix: "add `eks` (name, account, region) to the cluster in Trust, or choose another `aws.mode`",
    };
  }
  if (role?.account === undefined || role.account === eks.account) return undefined;
  return {
    message: `${workload.id} uses Pod Identity with a role in account ${role.account}, and cluster ${name} is in ${eks.account}: an association takes a role of its own account only`,
    fix: "remove `aws.account` and name the other account in `aws.assume`, or use `mode: irsa` with the cluster's OIDC provider registered there",
  };
}

/** What keeps the role's trust from being written, or the role from being named; undefined when nothing does. */
export function trustBreak(
  { name, eks }: Cluster,
  workload: Workload,
  aws: Link,
  role: PlannedRole | undefined,
): Gap | undefined {
  if (aws.mode === "irsa" && eks?.oidcIssuer === undefined && aws.roleArn === undefined) {
    return {
      message: `${workload.id} uses IRSA, and cluster ${name} has no \`eks.oidcIssuer\``,
      fix: "set `eks.oidcIssuer` of the cluster in Trust to its OIDC issuer URL",
    };
  }
  if (role) return undefined;
  return {
    message: `${workload.id} takes an AWS role, and no account is known for it`,
    fix: "set `aws.account`, or add `eks` to the cluster in Trust",
  };
}

/** ARN of the workload's role that holds the permission for a service: the one of the service's account, else its own. */
export function holderAccountRole(
  cluster: Cluster,
  workload: Workload,
  service: Service,
): string | undefined {
  const account = service.spec.aws?.account ?? cluster.eks?.account;
  const assumed = workload.spec.aws?.assume?.find((one) => one.account === account);
  return (assumed ? assumedRole(cluster, workload, assumed) : workloadRole(cluster, workload))?.arn;
}

/** Whether sessions carry tags from the start; IAM then wants `sts:TagSession` wherever a role is taken. */
export function sessionTags(mode: Link["mode"]): boolean {
  switch (mode) {
    case "pod-identity":
    case "roles-anywhere":
      return true;
    case "irsa":
      return false;
  }
}

function trustOf(context: Context, workload: Workload, aws: Link, account: string): IamDocument | undefined {
  const { eks } = context.cluster;
  const { namespace, serviceAccount } = workload;
  switch (aws.mode) {
    case "pod-identity":
      return eks && podIdentityTrust(eks, namespace, serviceAccount);
    case "irsa":
      return eks?.oidcIssuer === undefined
        ? undefined
        : irsaTrust(eks.oidcIssuer, aws.region ?? eks.region, account, namespace, serviceAccount);
    case "roles-anywhere":
      return rolesAnywhereTrust(aws, workload.spiffeId);
  }
}

/** Bounds that IAM sets on a role's longest session. */
const SESSION = { shortest: 3_600, longest: 43_200 };

function sessionSeconds(context: Context, workload: Workload, aws: Link): number {
  const seconds =
    aws.sessionDuration === undefined ? SESSION.shortest : milliseconds(aws.sessionDuration) / 1000;
  if (seconds < SESSION.shortest || seconds > SESSION.longest || !Number.isInteger(seconds)) {
    context.findings.push(
      findingAt(
        "PR608",
        "error",
        blamed(workload),
        `\`aws.sessionDuration\` of ${workload.id} is ${aws.sessionDuration}, which IAM does not take`,
        "choose whole seconds from 1h to 12h",
      ),
    );
  }
  return seconds;
}

export function checkTrustSize(context: Context, workload: Workload, trust: IamDocument): void {
  const chars = documentChars(trust);
  if (chars <= MAX_TRUST_CHARS) return;
  context.findings.push(
    findingAt(
      "PR609",
      "error",
      blamed(workload),
      `the trust document of ${workload.id} has ${chars} characters; IAM takes ${MAX_TRUST_CHARS}`,
      "shorten the names in it",
    ),
  );
}

function blamed(workload: Workload): { kind: "Workload"; id: string; position: Workload["position"] } {
  return { kind: "Workload", id: workload.id, position: workload.position };
}
