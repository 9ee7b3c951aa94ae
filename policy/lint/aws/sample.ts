/** Documents that the samples of the AWS guardrails are put together from; this one is first. */
export const TRUST_SAMPLE = `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters:
    - name: prod
      dataPlane: sidecar
      istioVersion: "1.31"
      eks: { name: prod, account: "111122223333", region: eu-central-1, oidcIssuer: "https://oidc.example.com/id/A" }
  defaults: { permissionsBoundary: "arn:aws:iam::111122223333:policy/boundary" }
`;

export const DATABASE_SAMPLE = `---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: orders-db }
spec:
  protocol: postgres
  hosts: [orders.example.com]
  ports: [5432]
  location: { type: external }
  aws: { rds: { resourceId: cluster-ABC, users: [app] } }
`;

/** A Workload; `aws` in flow style. */
export function workloadSample(id: string, aws: string): string {
  const [namespace, name] = id.split("/");
  return `---
apiVersion: portreeve.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: ${namespace} }
spec:${aws === "" ? " {}" : `\n  aws: ${aws}`}
`;
}

export function grantSample(workload: string, service = "orders-db"): string {
  const name = `${workload.replace("/", "-")}-${service}`;
  return `---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: ${name} }
spec: { from: { workloads: [${workload}] }, to: { service: ${service} }, owner: shop }
`;
}

/** A Workload with a role that exists, and one document of it. */
export function existingSample(
  mode: string,
  document: object,
  field: "trust" | "permissions" = "trust",
): string {
  const text = `'${JSON.stringify(document)}'`;
  return workloadSample(
    "shop/api",
    `\n    mode: ${mode}\n    roleArn: "arn:aws:iam::111122223333:role/api"\n    existing:\n      permissionsBoundary: "arn:aws:iam::111122223333:policy/boundary"\n      ${field}: ${field === "trust" ? text : `[${text}]`}`,
  );
}

const oidc = (condition: object) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Federated: "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A" },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: condition,
    },
  ],
});
const SUB = { "oidc.example.com/id/A:sub": "system:serviceaccount:shop:api" };
const AUD = { "oidc.example.com/id/A:aud": "sts.amazonaws.com" };

export const irsaExact = oidc({ StringEquals: { ...SUB, ...AUD } });
export const irsaWildSubject = oidc({
  StringEquals: AUD,
  StringLike: { "oidc.example.com/id/A:sub": "system:serviceaccount:*:api" },
});
export const irsaNoAudience = oidc({ StringEquals: SUB });
export const irsaForeignSubject = oidc({
  StringEquals: { "oidc.example.com/id/A:sub": "system:serviceaccount:shop:gone", ...AUD },
});

export const podIdentity = (actions: string[], principal: object | string) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: principal,
      Action: actions,
      Condition: {
        StringEquals: {
          "aws:RequestTag/kubernetes-namespace": "shop",
          "aws:RequestTag/kubernetes-service-account": "api",
        },
      },
    },
  ],
});

export const permission = (action: string, resource: string) => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: action, Resource: resource }],
});
