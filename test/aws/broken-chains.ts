/** One estate whose chain from `shop/reports` to `orders-db` holds, and one way to break each of its links. */
import type { ChainLinkName } from "../../policy/compile/aws/chain.ts";

/** The emulator's account. */
export const ACCOUNT = "123456789012";

export const POLICIES = `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters:
    - name: prod
      dataPlane: sidecar
      istioVersion: "1.31"
      eks:
        name: prod
        account: "${ACCOUNT}"
        region: eu-central-1
        nodeSecurityGroup: \${ref:nodes}
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: orders-db }
spec:
  protocol: postgres
  hosts: [orders.example.com]
  ports: [5432]
  location: { type: external }
  owner: team-orders
  aws: { rds: { resourceId: cluster-ABC, users: [reporting] }, securityGroup: "\${ref:database}" }
---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: reports, namespace: shop }
spec:
  selector: { app: reports }
  owner: team-reports
  aws: { mode: pod-identity }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: reports-orders }
spec: { from: { workloads: [shop/reports] }, to: { service: orders-db }, owner: team-orders }
`;

export interface Break {
  readonly link: ChainLinkName;
  readonly how: string;
  readonly policies: string;
  /** Of the reason. */
  readonly reason: RegExp;
}

function replaced(from: string, to: string): string {
  if (!POLICIES.includes(from)) throw new Error(`the policies have no ${from}`);
  return POLICIES.replace(from, to);
}

const LINK = "aws: { mode: pod-identity }";
/** A role that exists, with the trust that IAM holds for it: for another service account. */
const otherTrust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: "pods.eks.amazonaws.com" },
      Action: ["sts:AssumeRole", "sts:TagSession"],
      Condition: { StringEquals: { "aws:RequestTag/kubernetes-service-account": "api" } },
    },
  ],
});

export const BREAKS: readonly Break[] = [
  {
    link: "service account",
    how: "a second Workload gives the same service account another role",
    policies: `${POLICIES}---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: reports-night, namespace: shop }
spec: { serviceAccount: reports, aws: { mode: irsa, roleArn: "arn:aws:iam::${ACCOUNT}:role/night" } }
`,
    reason: /one service account with two roles/,
  },
  {
    link: "SPIFFE ID",
    how: "it is longer than the session tag that hands it over",
    policies: replaced(
      LINK,
      `aws: { mode: roles-anywhere, trustAnchorArn: "arn:aws:rolesanywhere:eu-central-1:${ACCOUNT}:trust-anchor/1" }`,
    ).replace("trustDomain: prod.example.com", `trustDomain: ${Array(12).fill("x".repeat(20)).join(".")}`),
    reason: /session tag of at most 256/,
  },
  {
    link: "association",
    how: "the role is in another account than the cluster",
    policies: replaced(LINK, 'aws: { mode: pod-identity, account: "999999999999" }'),
    reason: /an association takes a role of its own account only/,
  },
  {
    link: "trust",
    how: "the existing role trusts another service account",
    policies: replaced(
      LINK,
      `aws: { mode: pod-identity, roleArn: "arn:aws:iam::${ACCOUNT}:role/shared", existing: { trust: '${otherTrust}' } }`,
    ),
    reason: /trust refuses sts:AssumeRole to shop\/reports/,
  },
  {
    link: "permission",
    how: "the database is in another account, without a role there",
    policies: replaced("aws: { rds:", 'aws: { account: "999999999999", rds:'),
    reason: /tokens of its own account's roles only/,
  },
  {
    link: "security group",
    how: "nobody knows which group connections come from",
    policies: replaced("        nodeSecurityGroup: ${ref:nodes}\n", ""),
    reason: /not known for cluster prod/,
  },
  {
    link: "route",
    how: "it leaves by an egress gateway that the cluster does not have",
    policies: replaced("location: { type: external }", "location: { type: external, egress: gateway }"),
    reason: /names none/,
  },
  {
    link: "verdict",
    how: "a deny takes away what the grant gives",
    policies: `${POLICIES}---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: no-reports }
spec: { action: deny, from: { namespaces: [shop] }, to: { service: orders-db }, owner: team-orders }
`,
    reason: /grant no-reports denies shop\/reports, and a deny wins/,
  },
];
