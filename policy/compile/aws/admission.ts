import type { Cluster, Workload } from "../../model/types.ts";
import { awsPartition } from "../../plan/aws-role.ts";
import { type Answer, evaluate, type IamCall } from "./evaluate.ts";
import type { ReadStatement } from "./iam-text.ts";
import { eksClusterArn } from "./trust-document.ts";

/** The calls by which a workload takes its role, each with what AWS is known to put into the request. */
export function admissionCalls(cluster: Cluster, workload: Workload): IamCall[] {
  const { aws } = workload.spec;
  const { eks } = cluster;
  if (!aws) return [];
  switch (aws.mode) {
    case "pod-identity": {
      if (!eks) return [];
      const arn = eksClusterArn(eks);
      const context = {
        "aws:SourceArn": arn,
        "aws:SourceAccount": eks.account,
        "aws:RequestTag/eks-cluster-arn": arn,
        "aws:RequestTag/eks-cluster-name": eks.name,
        "aws:RequestTag/kubernetes-namespace": workload.namespace,
        "aws:RequestTag/kubernetes-service-account": workload.serviceAccount,
        "sts:ExternalId": undefined,
      };
      const principal = { kind: "Service", value: "pods.eks.amazonaws.com" } as const;
      return ["sts:AssumeRole", "sts:TagSession"].map((action) => ({ principal, action, context }));
    }
    case "irsa": {
      if (eks?.oidcIssuer === undefined) return [];
      const provider = eks.oidcIssuer.replace(/^https:\/\//, "");
      const account = aws.account ?? eks.account;
      return [
        {
          principal: {
            kind: "Federated",
            value: `arn:${awsPartition(aws.region ?? eks.region)}:iam::${account}:oidc-provider/${provider}`,
          },
          action: "sts:AssumeRoleWithWebIdentity",
          context: {
            [`${provider}:aud`]: "sts.amazonaws.com",
            [`${provider}:sub`]: `system:serviceaccount:${workload.namespace}:${workload.serviceAccount}`,
          },
        },
      ];
    }
    case "roles-anywhere": {
      const context = {
        "aws:SourceArn": aws.trustAnchorArn,
        "aws:PrincipalTag/x509SAN/URI": workload.spiffeId,
        ...(aws.issuerCommonName !== undefined && {
          "aws:PrincipalTag/x509Issuer/CN": aws.issuerCommonName,
        }),
      };
      const principal = { kind: "Service", value: "rolesanywhere.amazonaws.com" } as const;
      return ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"].map((action) => ({
        principal,
        action,
        context,
      }));
    }
  }
}

/** Whether a trust document lets a workload take the role; `call` is the first that it refuses. */
export function admits(
  statements: readonly ReadStatement[],
  cluster: Cluster,
  workload: Workload,
): { readonly answer: Answer; readonly refused?: IamCall } {
  const calls = admissionCalls(cluster, workload).map((call) => ({
    call,
    answer: evaluate(statements, call),
  }));
  const refused = calls.find(({ answer }) => answer === "no");
  if (refused) return { answer: "no", refused: refused.call };
  return { answer: calls.length > 0 && calls.every(({ answer }) => answer === "yes") ? "yes" : "unknown" };
}
