import type { Cluster, Workload } from "../../model/types.ts";
import { awsPartition } from "../../plan/aws-role.ts";
import { iamDocument } from "./document.ts";
import type { IamDocument } from "./objects.ts";

type Eks = NonNullable<Cluster["eks"]>;
type RolesAnywhere = Extract<NonNullable<Workload["spec"]["aws"]>, { mode: "roles-anywhere" }>;

/** ARN of an EKS cluster. */
export function eksClusterArn(eks: Eks): string {
  return `arn:${awsPartition(eks.region)}:eks:${eks.region}:${eks.account}:cluster/${eks.name}`;
}

/**
 * Trust for EKS Pod Identity: the agent's service, for one service account of one cluster. The request tags are session tags
 * that EKS sets itself, so a pod cannot choose them; the source conditions keep the service from being used by a cluster of
 * another account (the confused deputy).
 */
export function podIdentityTrust(eks: Eks, namespace: string, serviceAccount: string): IamDocument {
  const cluster = eksClusterArn(eks);
  return iamDocument([
    {
      Sid: "PodIdentity",
      Effect: "Allow",
      Principal: { Service: "pods.eks.amazonaws.com" },
      Action: ["sts:AssumeRole", "sts:TagSession"],
      Condition: {
        ArnEquals: { "aws:SourceArn": cluster },
        StringEquals: {
          "aws:RequestTag/eks-cluster-arn": cluster,
          "aws:RequestTag/kubernetes-namespace": namespace,
          "aws:RequestTag/kubernetes-service-account": serviceAccount,
          "aws:SourceAccount": eks.account,
        },
      },
    },
  ]);
}

/**
 * Trust for the cluster's OIDC provider (IRSA): subject and audience exact. Both are needed: without the audience a token
 * that the cluster issued for another purpose would do.
 *
 * @param account of the role; the provider must be registered there
 */
export function irsaTrust(
  issuer: string,
  region: string,
  account: string,
  namespace: string,
  serviceAccount: string,
): IamDocument {
  const provider = issuer.replace(/^https:\/\//, "");
  return iamDocument([
    {
      Sid: "ServiceAccount",
      Effect: "Allow",
      Principal: { Federated: `arn:${awsPartition(region)}:iam::${account}:oidc-provider/${provider}` },
      Action: ["sts:AssumeRoleWithWebIdentity"],
      Condition: {
        StringEquals: {
          [`${provider}:aud`]: "sts.amazonaws.com",
          [`${provider}:sub`]: `system:serviceaccount:${namespace}:${serviceAccount}`,
        },
      },
    },
  ]);
}

/**
 * Trust for IAM Roles Anywhere: a certificate under one trust anchor whose URI SAN is the workload's SPIFFE ID. Roles
 * Anywhere sets the principal tags from the certificate it verified.
 */
export function rolesAnywhereTrust(aws: RolesAnywhere, spiffeId: string): IamDocument {
  return iamDocument([
    {
      Sid: "SpiffeCertificate",
      Effect: "Allow",
      Principal: { Service: "rolesanywhere.amazonaws.com" },
      Action: ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
      Condition: {
        ArnEquals: { "aws:SourceArn": aws.trustAnchorArn },
        StringEquals: {
          ...(aws.issuerCommonName !== undefined && {
            "aws:PrincipalTag/x509Issuer/CN": aws.issuerCommonName,
          }),
          "aws:PrincipalTag/x509SAN/URI": spiffeId,
        },
      },
    },
  ]);
}

/**
 * Trust for the second role of a chain across accounts: exactly one role of the other account, which must state the external
 * id. The account is the principal and the role a condition, because IAM refuses a principal that does not exist yet and keeps
 * the inner id of one that does: a role that is made anew would be locked out.
 *
 * @param first the role that takes it
 * @param tagged the first session carries tags: they are handed on, and IAM then wants `sts:TagSession` here too
 */
export function chainTrust(
  first: { readonly arn: string; readonly account: string; readonly partition: string },
  externalId: string,
  tagged: boolean,
): IamDocument {
  const Principal = { AWS: `arn:${first.partition}:iam::${first.account}:root` };
  return iamDocument([
    {
      Sid: "RoleChain",
      Effect: "Allow",
      Principal,
      Action: ["sts:AssumeRole"],
      Condition: { StringEquals: { "aws:PrincipalArn": first.arn, "sts:ExternalId": externalId } },
    },
    ...(tagged
      ? [
          {
            Sid: "RoleChainTags",
            Effect: "Allow" as const,
            Principal,
            Action: ["sts:TagSession"],
            Condition: { StringEquals: { "aws:PrincipalArn": first.arn } },
          },
        ]
      : []),
  ]);
}
