import { describe, expect, test } from "vitest";
import { actionMutants, conditionMutants } from "../../../test/aws/mutants.ts";
import { allowed, type Call } from "../../../test/aws/simulate.ts";
import { loadModel } from "../../load/index.ts";
import { grant, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import { compileAws } from "./compile.ts";
import type { AwsObject, IamDocument } from "./objects.ts";

/**
 * Every emitted document is judged by a simulator of IAM that is not ours: the good case gets through, and each way to be
 * wrong does not. A document with any one condition taken out or loosened lets some wrong case through: each is needed.
 *
 * Not proven here: that AWS itself sets the context keys as its documentation says.
 */
const ACCOUNT = "111122223333";
const CLUSTER = `arn:aws:eks:eu-central-1:${ACCOUNT}:cluster/prod`;
const ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF";
const ANCHOR = `arn:aws:rolesanywhere:eu-central-1:${ACCOUNT}:trust-anchor/8f1e9c2a`;

const objects: PolicyObject[] = [
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [
      {
        name: "prod",
        dataPlane: "sidecar",
        istioVersion: "1.31",
        eks: { name: "prod", account: ACCOUNT, region: "eu-central-1", oidcIssuer: `https://${ISSUER}` },
      },
    ],
  }),
  workload("shop/api", { aws: { mode: "pod-identity" } }),
  workload("shop/reports", { aws: { mode: "irsa" } }),
  workload("edge/scanner", {
    aws: { mode: "roles-anywhere", trustAnchorArn: ANCHOR, issuerCommonName: "prod workload CA" },
  }),
  service("orders-db", {
    protocol: "postgres",
    hosts: ["db.example.com"],
    ports: [5432],
    location: { type: "external" },
    aws: { rds: { resourceId: "cluster-ABC", users: ["reporting"] } },
  }),
  service("sessions", {
    protocol: "redis",
    hosts: ["cache.example.com"],
    ports: [6379],
    location: { type: "external" },
    aws: { elasticache: { replicationGroup: "sessions", users: ["web"] } },
  }),
  service("events", {
    protocol: "kafka",
    hosts: ["b-1.example.com"],
    ports: [9098],
    location: { type: "external" },
    aws: { msk: { cluster: "events", uuid: "0a1b-2", topics: ["orders"], groups: ["api-*"] } },
  }),
  service("ledger", {
    protocol: "mysql",
    hosts: ["ledger.example.com"],
    ports: [3306],
    location: { type: "external" },
    aws: { secret: `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:ledger-AbCdEf` },
  }),
  service("billing-db", {
    protocol: "postgres",
    hosts: ["billing.example.com"],
    ports: [5432],
    location: { type: "external" },
    tls: { mode: "simple" },
    auth: "rds-iam",
    aws: { rds: { resourceId: "cluster-BILL", users: ["billing"] } },
  }),
  grant("api-billing-db", { from: { workloads: ["shop/api"] }, to: { service: "billing-db" } }),
  ...["orders-db", "sessions", "events", "ledger"].map((name) =>
    grant(`api-${name}`, { from: { workloads: ["shop/api"] }, to: { service: name } }),
  ),
  grant("reports-orders-db", {
    from: { workloads: ["shop/reports"] },
    to: { service: "orders-db" },
    when: { expires: "2027-01-01" },
  }),
];

function compiled(): AwsObject[] {
  const model = loadModel({ objects });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const { targets, findings } = compileAws({ model, cluster });
  expect(findings).toEqual([]);
  return targets.map(({ object }) => object);
}

function trustOf(name: string): IamDocument {
  for (const object of compiled())
    if (object.type === "iam.Role" && object.name === name) return object.trust;
  throw new Error(`no role ${name}`);
}

interface Trial {
  readonly name: string;
  readonly call: Call;
}

const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;

/** The same call with one context value changed, or taken away. */
function wrong(good: Call, key: string, value: string | undefined, name: string): Trial {
  const { [key]: _, ...rest } = good.context ?? {};
  return { name, call: { ...good, context: value === undefined ? rest : { ...rest, [key]: value } } };
}

const podIdentityOf = (name: string, namespace: string, serviceAccount: string): Call => ({
  principal: "pods.eks.amazonaws.com",
  action: "sts:AssumeRole",
  resource: role(name),
  account: ACCOUNT,
  context: {
    "aws:SourceArn": CLUSTER,
    "aws:SourceAccount": ACCOUNT,
    "aws:RequestTag/eks-cluster-arn": CLUSTER,
    "aws:RequestTag/kubernetes-namespace": namespace,
    "aws:RequestTag/kubernetes-service-account": serviceAccount,
  },
});
const podIdentity = podIdentityOf("prod-shop-api", "shop", "api");
const proxy = podIdentityOf("prod-portreeve-portreeve-proxy", "portreeve", "portreeve-proxy");
const other = CLUSTER.replace("/prod", "/staging");
const wrongPods = (good: Call): Trial[] => [
  wrong(good, "aws:RequestTag/kubernetes-service-account", "worker", "another service account"),
  wrong(good, "aws:RequestTag/kubernetes-service-account", "API", "another case"),
  wrong(good, "aws:RequestTag/kubernetes-service-account", undefined, "no session tags"),
  wrong(good, "aws:RequestTag/kubernetes-namespace", "batch", "another namespace"),
  wrong(good, "aws:RequestTag/eks-cluster-arn", other, "another cluster by its tag"),
  wrong(good, "aws:SourceArn", other, "another cluster"),
  wrong(good, "aws:SourceAccount", "999999999999", "another account"),
  { name: "another AWS service", call: { ...good, principal: "ec2.amazonaws.com" } },
];
const rolesAnywhere: Call = {
  principal: "rolesanywhere.amazonaws.com",
  action: "sts:AssumeRole",
  resource: role("prod-edge-scanner"),
  account: ACCOUNT,
  context: {
    "aws:SourceArn": ANCHOR,
    "aws:PrincipalTag/x509SAN/URI": "spiffe://prod.example.com/ns/edge/sa/scanner",
    "aws:PrincipalTag/x509Issuer/CN": "prod workload CA",
  },
};
/** The simulator knows the condition keys of well-known OIDC providers only; one of them stands for the cluster's. */
const KNOWN = "accounts.google.com";
const irsa: Call = {
  principal: `arn:aws:iam::${ACCOUNT}:oidc-provider/${KNOWN}`,
  action: "sts:AssumeRoleWithWebIdentity",
  resource: role("prod-shop-reports"),
  account: ACCOUNT,
  context: { [`${KNOWN}:sub`]: "system:serviceaccount:shop:reports", [`${KNOWN}:aud`]: "sts.amazonaws.com" },
};

const kinds: { kind: string; role: string; good: Call; alsoNeeded: string[]; wrong: Trial[] }[] = [
  {
    kind: "Pod Identity",
    role: "prod-shop-api",
    good: podIdentity,
    alsoNeeded: ["sts:TagSession"],
    wrong: wrongPods(podIdentity),
  },
  {
    kind: "Pod Identity for the proxy",
    role: "prod-portreeve-portreeve-proxy",
    good: proxy,
    alsoNeeded: ["sts:TagSession"],
    wrong: wrongPods(proxy),
  },
  {
    kind: "Roles Anywhere",
    role: "prod-edge-scanner",
    good: rolesAnywhere,
    alsoNeeded: ["sts:TagSession", "sts:SetSourceIdentity"],
    wrong: [
      wrong(rolesAnywhere, "aws:SourceArn", ANCHOR.replace("8f1e", "0000"), "another trust anchor"),
      wrong(
        rolesAnywhere,
        "aws:PrincipalTag/x509SAN/URI",
        "spiffe://prod.example.com/ns/edge/sa/other",
        "another SPIFFE ID",
      ),
      wrong(rolesAnywhere, "aws:PrincipalTag/x509SAN/URI", undefined, "a certificate without SPIFFE ID"),
      wrong(rolesAnywhere, "aws:PrincipalTag/x509Issuer/CN", "rogue CA", "another issuer"),
      { name: "another AWS service", call: { ...rolesAnywhere, principal: "pods.eks.amazonaws.com" } },
    ],
  },
  {
    kind: "IRSA",
    role: "prod-shop-reports",
    good: irsa,
    alsoNeeded: [],
    wrong: [
      wrong(irsa, `${KNOWN}:sub`, "system:serviceaccount:shop:api", "another service account"),
      wrong(irsa, `${KNOWN}:sub`, "system:serviceaccount:batch:reports", "another namespace"),
      wrong(irsa, `${KNOWN}:aud`, "vault", "another audience"),
      wrong(irsa, `${KNOWN}:aud`, undefined, "no audience"),
      {
        name: "a provider of another account",
        call: { ...irsa, principal: `arn:aws:iam::999999999999:oidc-provider/${KNOWN}` },
      },
      {
        name: "another provider",
        call: { ...irsa, principal: `arn:aws:iam::${ACCOUNT}:oidc-provider/cognito-identity.amazonaws.com` },
      },
    ],
  },
];

/** The document as the simulator can read it. */
function readable(document: IamDocument): IamDocument {
  return JSON.parse(JSON.stringify(document).replaceAll(ISSUER, KNOWN)) as IamDocument;
}

describe.each(kinds)("the trust document of $kind", ({ role: name, good, alsoNeeded, wrong: trials }) => {
  test("lets exactly its workload in", async () => {
    const document = readable(trustOf(name));
    expect(await allowed(good, { trust: document })).toBe(true);
    for (const action of alsoNeeded) {
      expect({ action, allowed: await allowed({ ...good, action }, { trust: document }) }).toEqual({
        action,
        allowed: true,
      });
    }
  });

  test.each(trials)("refuses $name", async ({ call }) => {
    expect(await allowed(call, { trust: readable(trustOf(name)) })).toBe(false);
  });

  test("has nothing that could be left out or loosened unnoticed", async () => {
    const document = readable(trustOf(name));
    const needed = [good, ...alsoNeeded.map((action) => ({ ...good, action }))];
    const calls = [...needed, ...trials.map(({ call }) => call)];
    const mutants = [...conditionMutants(document), ...actionMutants(document)];
    expect(mutants.length).toBeGreaterThan(needed.length + 1);
    for (const { what, document: mutant } of mutants) {
      const results = await Promise.all(calls.map((call) => allowed(call, { trust: mutant })));
      const asBefore = results.every((result, index) => result === index < needed.length);
      expect({ what, noticed: !asBefore }).toEqual({ what, noticed: true });
    }
  });
});

describe("the permission documents", () => {
  const caller = `arn:aws:sts::${ACCOUNT}:assumed-role/prod-shop-api/session`;
  const may = async (
    action: string,
    resource: string,
    who = "prod-shop-api",
    context = {},
  ): Promise<boolean> => {
    const made = compiled();
    const attached = made.flatMap((object) =>
      object.type === "iam.RolePolicyAttachment" && "name" in object.role && object.role.name === who
        ? [object.policy.key.slice("iam.Policy/".length)]
        : [],
    );
    const permissions = made.flatMap((object) =>
      object.type === "iam.Policy" && attached.includes(object.name) ? [object.document] : [],
    );
    const account = resource.split(":")[4] ?? "";
    const principal = caller.replace("prod-shop-api", who);
    return allowed({ principal, action, resource, account, context }, { permissions });
  };
  const dbuser = (id: string, user: string, account = ACCOUNT) =>
    `arn:aws:rds-db:eu-central-1:${account}:dbuser:${id}/${user}`;
  const kafka = (what: string) => `arn:aws:kafka:eu-central-1:${ACCOUNT}:${what}`;

  test.each([
    ["rds-db:connect", dbuser("cluster-ABC", "reporting")],
    ["elasticache:Connect", `arn:aws:elasticache:eu-central-1:${ACCOUNT}:replicationgroup:sessions`],
    ["elasticache:Connect", `arn:aws:elasticache:eu-central-1:${ACCOUNT}:user:web`],
    ["kafka-cluster:Connect", kafka("cluster/events/0a1b-2")],
    ["kafka-cluster:ReadData", kafka("topic/events/0a1b-2/orders")],
    ["kafka-cluster:WriteData", kafka("topic/events/0a1b-2/orders")],
    ["kafka-cluster:AlterGroup", kafka("group/events/0a1b-2/api-1")],
    ["secretsmanager:GetSecretValue", `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:ledger-AbCdEf`],
  ])("allow %s on %s", async (action, resource) => {
    expect(await may(action, resource)).toBe(true);
  });

  test.each([
    ["rds-db:connect", dbuser("cluster-ABC", "admin")],
    ["rds-db:connect", dbuser("cluster-XYZ", "reporting")],
    ["rds-db:connect", dbuser("cluster-ABC", "reporting", "999999999999")],
    ["elasticache:Connect", `arn:aws:elasticache:eu-central-1:${ACCOUNT}:replicationgroup:other`],
    ["elasticache:Connect", `arn:aws:elasticache:eu-central-1:${ACCOUNT}:user:default`],
    ["kafka-cluster:AlterCluster", kafka("cluster/events/0a1b-2")],
    ["kafka-cluster:DeleteTopic", kafka("topic/events/0a1b-2/orders")],
    ["kafka-cluster:ReadData", kafka("topic/events/0a1b-2/payments")],
    ["kafka-cluster:AlterGroup", kafka("group/events/0a1b-2/worker-1")],
    ["secretsmanager:GetSecretValue", `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:other-AbCdEf`],
    ["secretsmanager:PutSecretValue", `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:ledger-AbCdEf`],
  ])("refuse %s on %s", async (action, resource) => {
    expect(await may(action, resource)).toBe(false);
  });

  test("of a grant with an end hold until then", async () => {
    const at = (instant: string) => ({ "aws:CurrentTime": instant });
    const ask = (instant: string) =>
      may("rds-db:connect", dbuser("cluster-ABC", "reporting"), "prod-shop-reports", at(instant));
    expect(await ask("2026-12-31T23:59:59Z")).toBe(true);
    expect(await ask("2027-01-01T00:00:00Z")).toBe(false);
  });
});
