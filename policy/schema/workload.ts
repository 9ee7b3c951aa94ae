import { z } from "zod";
import { document, namespacedMetadata } from "./metadata.ts";
import { arn, awsAccount, awsRegion, duration, name, selector, text } from "./primitives.ts";

const roleName = z
  .string()
  .regex(/^[\w+=,.@-]{1,64}$/, "a role name has 1 to 64 characters of A-Z a-z 0-9 + = , . @ _ -");
const rolePath = z.string().regex(/^\/([!-~]+\/)?$/, "a path starts and ends with /");

const assumed = z
  .strictObject({
    account: awsAccount.describe(
      "The other AWS account. Services of that account are reached with this role.",
    ),
    roleName: roleName
      .optional()
      .describe("Name of the role to make there. @default derived from cluster, namespace and name"),
    roleArn: arn
      .optional()
      .describe(
        "An existing role of that account to use instead of making one; its trust is then not managed here.",
      ),
    externalId: z
      .string()
      .regex(
        /^[\w+=,.@:/-]{2,1224}$/,
        "an external id has 2 to 1224 characters of A-Z a-z 0-9 + = , . @ : / _ -",
      )
      .describe(
        "What the workload states as `sts:ExternalId`; the role's trust demands it. It is no secret.",
      ),
    path: rolePath.optional().describe("IAM path of the role. @default /"),
    permissionsBoundary: arn
      .optional()
      .describe(
        "Permissions boundary of the role, a policy of its own account. @default none: Trust's is of the cluster's account",
      ),
  })
  .describe("A role of another account that the workload's own role may take.");

const existing = z
  .strictObject({
    trust: text.optional().describe("Its trust document, as JSON."),
    permissions: z.array(text).default([]).describe("Its permission documents, each as JSON."),
    permissionsBoundary: arn.optional().describe("Its permissions boundary."),
  })
  .describe(
    "What IAM holds about the existing role (`roleArn`), for the guardrails and for `explain`. It is checked and never written.",
  );

const role = {
  roleName: roleName
    .optional()
    .describe("Name of the IAM role to make. @default derived from cluster, namespace and name"),
  roleArn: arn
    .optional()
    .describe("An existing role to use instead of making one; its trust is then not managed here."),
  account: awsAccount.optional().describe("AWS account of the role. @default the cluster's"),
  region: awsRegion.optional().describe("AWS region. @default the cluster's"),
  path: rolePath.optional().describe("IAM path of the role. @default /"),
  permissionsBoundary: arn.optional().describe("Permissions boundary of the role. @default Trust's"),
  sessionDuration: duration.optional().describe("Longest session of the role, 1h to 12h. @default 1h"),
  existing: existing.optional(),
  assume: z
    .array(assumed)
    .min(1, "name at least one role, or leave `assume` out")
    .optional()
    .describe(
      "Roles of other accounts that the workload's role may take, one an account. AWS ends such a session after 1h.",
    ),
};

const aws = z
  .discriminatedUnion("mode", [
    z.strictObject({
      mode: z
        .literal("pod-identity")
        .describe("EKS Pod Identity: an association, trust for pods.eks.amazonaws.com."),
      ...role,
    }),
    z.strictObject({
      mode: z
        .literal("irsa")
        .describe(
          "IAM roles for service accounts: trust for the cluster's OIDC provider, subject and audience exact.",
        ),
      ...role,
    }),
    z.strictObject({
      mode: z
        .literal("roles-anywhere")
        .describe("IAM Roles Anywhere: trust for a SPIFFE certificate, for workloads outside EKS."),
      trustAnchorArn: arn.describe("Trust anchor whose CA issues the workload's SVID."),
      issuerCommonName: text
        .optional()
        .describe("Common name of the issuing CA, checked in the trust policy."),
      ...role,
    }),
  ])
  .describe("The AWS role the workload may take, and how.");

/** A namespace and service account in one or more clusters. */
export const workloadSpec = z.strictObject({
  serviceAccount: name.optional().describe("Kubernetes service account. @default the name of this object"),
  selector: selector
    .optional()
    .describe(
      "Labels of its pods, for NetworkPolicies and Sidecars. @default none: the whole namespace is meant where Kubernetes cannot say better",
    ),
  clusters: z.array(name).optional().describe("Clusters it runs in. @default all clusters of Trust"),
  groups: z.array(name).default([]).describe("Groups it belongs to."),
  needs: z
    .array(z.enum(["api-server"]))
    .default([])
    .describe(
      "Infrastructure it must reach beyond its grants: `api-server`, the Kubernetes API. DNS and istiod are always let through.",
    ),
  createServiceAccount: z
    .boolean()
    .default(true)
    .describe("Make the ServiceAccount. Set to false when something else owns it."),
  owner: text.optional().describe("Team or person who answers for it."),
  aws: aws.optional(),
});

/** See {@link workloadSpec}. */
export const workload = document(
  "Workload",
  namespacedMetadata,
  workloadSpec,
  "A namespace and service account in one or more clusters, its SPIFFE ID, and the AWS role it may take.",
);
