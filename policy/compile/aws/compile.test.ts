import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadModel } from "../../load/index.ts";
import { agent, grant, type PolicyObject, service, trust, workload } from "../../load/object.ts";
import type { ServiceSpecInput, TrustSpecInput, WorkloadSpecInput } from "../../schema/index.ts";
import { compileAws } from "./compile.ts";
import { documentChars, iamDocument, MAX_POLICY_CHARS, splitDocuments } from "./document.ts";
import type { AwsObject, IamStatement } from "./objects.ts";
import { MAX_RULES_PER_GROUP } from "./security-group.ts";

const ACCOUNT = "111122223333";
const EKS = { name: "prod", account: ACCOUNT, region: "eu-central-1", nodeSecurityGroup: "sg-nodes" };

const estate = (
  eks: TrustSpecInput["clusters"][number]["eks"] | null = EKS,
  rest: Partial<TrustSpecInput> = {},
) =>
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [{ name: "prod", dataPlane: "sidecar", istioVersion: "1.31", ...(eks && { eks }) }],
    ...rest,
  });
const external = (name: string, aws: ServiceSpecInput["aws"], rest: Partial<ServiceSpecInput> = {}) =>
  service(name, {
    protocol: "postgres",
    hosts: [`${name}.example.com`],
    ports: [5432],
    location: { type: "external" },
    ...(aws && { aws }),
    ...rest,
  });
const ordersDb = external("orders-db", { rds: { resourceId: "cluster-ABC" }, securityGroup: "sg-db" });
const podIdentity = (id: string, aws: object = {}) =>
  workload(id, { aws: { mode: "pod-identity", ...aws } } as WorkloadSpecInput);
const reaches = (name: string, workloads: string[], to: string, rest: object = {}) =>
  grant(name, { from: { workloads }, to: { service: to }, ...rest });

function compile(objects: PolicyObject[], grouping: "service" | "grant" = "service") {
  const model = loadModel({ objects });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  const compiled = compileAws({ model, cluster, grouping });
  return {
    ...compiled,
    keys: compiled.targets.map(({ key }) => key),
    object: (key: string): AwsObject | undefined =>
      compiled.targets.find((target) => target.key === key)?.object,
  };
}

/** The Sids and resources of all policies, by name. */
function resources(objects: readonly { object: AwsObject }[]): Record<string, (string[] | undefined)[]> {
  return Object.fromEntries(
    objects.flatMap(({ object }) =>
      object.type === "iam.Policy"
        ? [[object.name, object.document.Statement.map(({ Resource }) => Resource && [...Resource])]]
        : [],
    ),
  );
}

describe("a workload with a grant", () => {
  const objects = [
    estate(),
    ordersDb,
    workload("shop/api", { owner: "shop team", aws: { mode: "pod-identity", sessionDuration: "2h" } }),
    reaches("api-orders-db", ["shop/api"], "orders-db"),
  ];

  test("gets a role, an association, a policy and its attachment, and the service a security-group rule", () => {
    expect(compile(objects).keys).toEqual([
      "ec2.SecurityGroupIngressRule/sg-db/sg-nodes/5432",
      "eks.PodIdentityAssociation/shop/api",
      "iam.Policy/prod-orders-db",
      "iam.Role/prod-shop-api",
      "iam.RolePolicyAttachment/prod-shop-api/prod-orders-db",
    ]);
  });

  test("in full", () => {
    const { object } = compile(objects);
    const role = {
      key: "iam.Role/prod-shop-api",
      name: "prod-shop-api",
      arn: `arn:aws:iam::${ACCOUNT}:role/prod-shop-api`,
    };
    expect(object("iam.Role/prod-shop-api")).toEqual({
      type: "iam.Role",
      name: "prod-shop-api",
      path: "/",
      arn: role.arn,
      account: ACCOUNT,
      description: "shop/api as spiffe://prod.example.com/ns/shop/sa/api",
      trust: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "PodIdentity",
            Effect: "Allow",
            Principal: { Service: "pods.eks.amazonaws.com" },
            Action: ["sts:AssumeRole", "sts:TagSession"],
            Condition: {
              ArnEquals: { "aws:SourceArn": `arn:aws:eks:eu-central-1:${ACCOUNT}:cluster/prod` },
              StringEquals: {
                "aws:RequestTag/eks-cluster-arn": `arn:aws:eks:eu-central-1:${ACCOUNT}:cluster/prod`,
                "aws:RequestTag/kubernetes-namespace": "shop",
                "aws:RequestTag/kubernetes-service-account": "api",
                "aws:SourceAccount": ACCOUNT,
              },
            },
          },
        ],
      },
      maxSessionDuration: 7200,
      tags: {
        "portreeve.dev/digest": expect.stringMatching(/^[0-9a-f]{16}$/),
        "portreeve.dev/object": "shop/api",
        "portreeve.dev/owner": "shop team",
      },
    });
    expect(object("eks.PodIdentityAssociation/shop/api")).toMatchObject({
      clusterName: "prod",
      namespace: "shop",
      serviceAccount: "api",
      role,
    });
    expect(object("iam.Policy/prod-orders-db")).toMatchObject({
      name: "prod-orders-db",
      document: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "RdsConnect",
            Effect: "Allow",
            Action: ["rds-db:connect"],
            Resource: [`arn:aws:rds-db:eu-central-1:${ACCOUNT}:dbuser:cluster-ABC/app`],
          },
        ],
      },
    });
    expect(object("iam.RolePolicyAttachment/prod-shop-api/prod-orders-db")).toEqual({
      type: "iam.RolePolicyAttachment",
      account: ACCOUNT,
      role,
      policy: {
        key: "iam.Policy/prod-orders-db",
        arn: `arn:aws:iam::${ACCOUNT}:policy/prod-orders-db`,
      },
    });
    expect(object("ec2.SecurityGroupIngressRule/sg-db/sg-nodes/5432")).toEqual({
      type: "ec2.SecurityGroupIngressRule",
      securityGroupId: "sg-db",
      referencedSecurityGroupId: "sg-nodes",
      ipProtocol: "tcp",
      fromPort: 5432,
      toPort: 5432,
      description: "portreeve orders-db:5432 by api-orders-db",
    });
  });

  test("without the grant keeps its role and nothing else; a deny takes the permission away too", () => {
    const alone = ["eks.PodIdentityAssociation/shop/api", "iam.Role/prod-shop-api"];
    expect(compile(objects.slice(0, 3)).keys).toEqual(alone);
    const denied = reaches("no", ["shop/api"], "orders-db", { action: "deny" });
    expect(compile([...objects, denied]).keys).toEqual(alone);
  });

  test("of one grant is one policy a grant, owned by the grant", () => {
    const { targets } = compile(objects, "grant");
    const policy = targets.find(({ object }) => object.type === "iam.Policy");
    expect(policy).toMatchObject({
      key: "iam.Policy/prod-api-orders-db",
      owner: "AccessPolicy",
      subject: "api-orders-db",
    });
  });
});

test("workloads with the same grants share one policy", () => {
  const { keys } = compile([
    estate(),
    ordersDb,
    ...["a", "b", "c"].map((name) => podIdentity(`shop/${name}`)),
    grant("all", { from: { namespaces: ["shop"] }, to: { service: "orders-db" } }),
  ]);
  expect(keys.filter((key) => key.startsWith("iam.Policy/"))).toEqual(["iam.Policy/prod-orders-db"]);
  expect(keys.filter((key) => key.startsWith("iam.RolePolicyAttachment/"))).toHaveLength(3);
});

test("a grant with an end is a condition, and an unlimited one beside it wins", () => {
  const objects = [
    estate(),
    ordersDb,
    podIdentity("shop/api"),
    reaches("a", ["shop/api"], "orders-db", { when: { notBefore: "2026-01-01", expires: "2027-01-01" } }),
  ];
  const name = "prod-orders-db-from-20260101T000000Z-until-20270101T000000Z";
  expect(compile(objects).object(`iam.Policy/${name}`)).toMatchObject({
    document: {
      Statement: [
        {
          Condition: {
            DateGreaterThanEquals: { "aws:CurrentTime": "2026-01-01T00:00:00Z" },
            DateLessThan: { "aws:CurrentTime": "2027-01-01T00:00:00Z" },
          },
        },
      ],
    },
  });
  const both = compile([...objects, reaches("b", ["shop/api"], "orders-db")]);
  expect(both.keys.filter((key) => key.startsWith("iam.Policy/"))).toEqual(["iam.Policy/prod-orders-db"]);
});

test("an agent that runs as a workload gives the workload's role the permission until the agent ends", () => {
  const okta = { name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] };
  const { keys } = compile([
    estate(EKS, { identityProviders: { oidc: [okta] } }),
    ordersDb,
    podIdentity("ai/bot"),
    agent("bot", {
      identity: { type: "workload", workload: "ai/bot" },
      onBehalfOf: { type: "user", user: "okta:bob@example.com" },
      owner: "platform",
      expires: "2027-01-01",
      services: ["orders-db"],
      limits: { maxConnections: 1 },
    }),
    grant("g", { from: { agents: ["bot"] }, to: { service: "orders-db" } }),
  ]);
  expect(keys).toContain("iam.Policy/prod-orders-db-until-20270101T000000Z");
});

describe("where the proxy logs in", () => {
  const brokered = external(
    "orders-db",
    { rds: { resourceId: "cluster-ABC", users: ["reporting"] } },
    { auth: "rds-iam" },
  );
  const objects = [estate(), brokered, podIdentity("shop/api"), reaches("g", ["shop/api"], "orders-db")];

  test("the proxy's role may connect, and the client's has no permission", () => {
    expect(compile(objects).keys).toEqual([
      "eks.PodIdentityAssociation/portreeve/portreeve-proxy",
      "eks.PodIdentityAssociation/shop/api",
      "iam.Policy/prod-orders-db-login",
      "iam.Role/prod-portreeve-portreeve-proxy",
      "iam.Role/prod-shop-api",
      "iam.RolePolicyAttachment/prod-portreeve-portreeve-proxy/prod-orders-db-login",
    ]);
  });

  test("its role connects as the users that grants name, and one goes with the last grant that names it", () => {
    const several = external(
      "orders-db",
      { rds: { resourceId: "cluster-ABC", users: ["app", "reporting", "admin"] } },
      { auth: "rds-iam" },
    );
    const two = [estate(), several, podIdentity("shop/api"), podIdentity("shop/reports")];
    const opens = (name: string, users: string[]) =>
      grant(name, {
        from: { workloads: [`shop/${name}`] },
        to: { service: "orders-db", users },
      });
    const dbuser = (user: string) => `arn:aws:rds-db:eu-central-1:${ACCOUNT}:dbuser:cluster-ABC/${user}`;
    const login = (...grants: PolicyObject[]) =>
      compile([...two, ...grants]).object("iam.Policy/prod-orders-db-login");
    expect(login(opens("api", ["app"]), opens("reports", ["reporting"]))).toMatchObject({
      document: { Statement: [{ Resource: [dbuser("app"), dbuser("reporting")] }] },
    });
    expect(login(opens("api", ["app"]))).toMatchObject({
      document: { Statement: [{ Resource: [dbuser("app")] }] },
    });
  });

  test("and nobody is granted, the proxy has no role", () => {
    expect(compile(objects.slice(0, 2)).keys).toEqual([]);
  });

  test("without EKS is an error", () => {
    const { findings } = compile([
      estate(null),
      external(
        "orders-db",
        { account: ACCOUNT, region: "eu-central-1", rds: { resourceId: "x" } },
        { auth: "rds-iam" },
      ),
      workload("shop/api"),
      reaches("g", ["shop/api"], "orders-db"),
    ]);
    expect(findings).toMatchObject([{ rule: "PR601", severity: "error", object: "Service/orders-db" }]);
  });
});

describe("a broken link fails, with what to do", () => {
  const anchor = `arn:aws:rolesanywhere:eu-central-1:${ACCOUNT}:trust-anchor/1`;
  test.each<[string, PolicyObject[], string, RegExp]>([
    ["Pod Identity without EKS", [estate(null), podIdentity("a/b")], "PR601", /no `eks` block/],
    [
      "Pod Identity across accounts",
      [estate(), podIdentity("a/b", { account: "999999999999" })],
      "PR601",
      /role of its own account/,
    ],
    [
      "IRSA without an issuer",
      [estate(), workload("a/b", { aws: { mode: "irsa" } })],
      "PR601",
      /no `eks.oidcIssuer`/,
    ],
    [
      "a role without an account",
      [estate(null), workload("a/b", { aws: { mode: "roles-anywhere", trustAnchorArn: anchor } })],
      "PR601",
      /no account is known/,
    ],
    [
      "two workloads with one role name",
      [estate(), podIdentity("a/b", { roleName: "r" }), podIdentity("a/c", { roleName: "r" })],
      "PR615",
      /would both make iam.Role\/r/,
    ],
    [
      "a database without a region",
      [estate(null), external("db", { account: ACCOUNT, rds: { resourceId: "x" } })],
      "PR603",
      /region is not known/,
    ],
    [
      "a login without a database",
      [estate(), external("db", undefined, { auth: "rds-iam" })],
      "PR603",
      /needs/,
    ],
    [
      "a security group without a source",
      [
        estate({ name: "prod", account: ACCOUNT, region: "eu-central-1" }),
        external("db", { securityGroup: "sg-1" }),
        workload("a/b"),
        reaches("g", ["a/b"], "db"),
      ],
      "PR604",
      /not known for cluster prod/,
    ],
    [
      "a pattern for a database",
      [estate(), external("db", { rds: { resourceId: "*" } })],
      "PR607",
      /pattern/,
    ],
    [
      "a pattern for a trust anchor",
      [
        estate(),
        workload("a/b", { aws: { mode: "roles-anywhere", trustAnchorArn: anchor.replace(/1$/, "*") } }),
      ],
      "PR607",
      /any such anchor/,
    ],
    [
      "a session longer than IAM takes",
      [estate(), podIdentity("a/b", { sessionDuration: "13h" })],
      "PR608",
      /does not take/,
    ],
    [
      "a trust document longer than IAM takes",
      [
        estate({ ...EKS, oidcIssuer: `https://${"x".repeat(1000)}.example.com` }),
        workload("a/b", { aws: { mode: "irsa" } }),
      ],
      "PR609",
      /IAM takes 2048/,
    ],
  ])("%s", (_, objects, rule, message) => {
    const errors = compile(objects).findings.filter(({ severity }) => severity === "error");
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ rule, message: expect.stringMatching(message) });
    expect(errors[0]?.fix).toBeTruthy();
  });
});

describe("limits of AWS", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => `s${String(index).padStart(3, "0")}`);
  const granted = (count: number, users: string[]) => [
    estate(),
    podIdentity("shop/api"),
    ...many(count).flatMap((name) => [
      external(name, { rds: { resourceId: `cluster-${name}`, users } }),
      reaches(`g-${name}`, ["shop/api"], name),
    ]),
  ];

  test("ten policies are attached one by one, the eleventh packs them all into few", () => {
    const ten = compile(granted(10, ["app"]));
    expect(ten.keys.filter((key) => key.startsWith("iam.Policy/"))).toHaveLength(10);
    const eleven = compile(granted(11, ["app"]));
    expect(eleven.keys.filter((key) => key.startsWith("iam.Policy/"))).toEqual([
      "iam.Policy/prod-shop-api-grants",
    ]);
    expect(eleven.findings).toEqual([]);
    const packed = Object.values(resources(eleven.targets)).flat(2);
    expect(packed.sort()).toEqual(
      Object.values(resources(ten.targets))
        .flat(2)
        .concat([`arn:aws:rds-db:eu-central-1:${ACCOUNT}:dbuser:cluster-s010/app`])
        .sort(),
    );
  });

  test("more than ten full policies is an error", () => {
    const users = Array.from({ length: 100 }, (_, index) => `user-${"x".repeat(40)}-${index}`);
    const { findings } = compile(granted(12, users));
    expect(findings).toMatchObject([{ rule: "PR606", severity: "error", object: "Workload/shop/api" }]);
  });

  test("documents are split below 6,144 characters and keep every resource", () => {
    const statements = (count: number): IamStatement[] => [
      {
        Sid: "Many",
        Effect: "Allow",
        Action: ["rds-db:connect"],
        Resource: Array.from(
          { length: count },
          (_, index) => `arn:aws:rds-db:x:${ACCOUNT}:dbuser:c/${index}`,
        ),
      },
      {
        Sid: "Other",
        Effect: "Allow",
        Action: ["elasticache:Connect"],
        Resource: ["arn:aws:elasticache:::x"],
      },
    ];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 800 }), (count) => {
        const documents = splitDocuments(statements(count));
        for (const document of documents)
          expect(documentChars(document)).toBeLessThanOrEqual(MAX_POLICY_CHARS);
        const kept = documents.flatMap(({ Statement }) =>
          Statement.flatMap(({ Resource }) => Resource ?? []),
        );
        expect(kept.length).toBe(count + 1);
        expect(new Set(kept).size).toBe(count + 1);
      }),
      { numRuns: 50 },
    );
    expect(splitDocuments(statements(1))).toHaveLength(1);
  });

  test("a security group takes 60 rules", () => {
    const ports = (count: number) => [
      estate(),
      workload("shop/api"),
      external(
        "db",
        { securityGroup: "sg-db" },
        { ports: Array.from({ length: count }, (_, index) => 5000 + index) },
      ),
      reaches("g", ["shop/api"], "db"),
    ];
    expect(compile(ports(MAX_RULES_PER_GROUP)).findings).toEqual([]);
    expect(compile(ports(MAX_RULES_PER_GROUP + 1)).findings).toMatchObject([
      { rule: "PR605", severity: "error" },
    ]);
  });

  test("services that share a group and a port share a rule, whose description fits", () => {
    const { targets } = compile([
      estate(),
      workload("shop/api"),
      ...many(40).flatMap((name) => [
        external(name, { securityGroup: "sg-shared" }),
        reaches(`a-grant-for-${name}`, ["shop/api"], name),
      ]),
    ]);
    expect(targets).toHaveLength(1);
    const [rule] = targets;
    if (rule?.object.type !== "ec2.SecurityGroupIngressRule") throw new Error("no rule");
    expect(rule.object.description).toMatch(/^portreeve s000, s001.* \.\.\.$/);
    expect(rule.object.description).toMatch(/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
    expect(rule.causes).toHaveLength(80);
  });

  test("names are within IAM's limits and stay apart", () => {
    const long = (end: string) => `${"x".repeat(62)}${end}`;
    const { targets } = compile([
      estate(),
      ...["a", "b"].map((end) => podIdentity(`${long("n")}/${long(end)}`)),
      external(long("s"), { rds: { resourceId: "r" } }),
      grant("g", { from: { namespaces: [long("n")] }, to: { service: long("s") } }),
    ]);
    const roles = targets.flatMap(({ object }) => (object.type === "iam.Role" ? [object.name] : []));
    expect(new Set(roles).size).toBe(2);
    for (const name of roles) expect(name).toMatch(/^[\w+=,.@-]{1,64}$/);
  });
});

test("no document names a wildcard principal, subject, action or account", () => {
  const { targets } = compile([
    estate({ ...EKS, oidcIssuer: "https://oidc.example.com/id/A" }),
    ordersDb,
    podIdentity("shop/api"),
    workload("shop/web", { aws: { mode: "irsa" } }),
    grant("g", { from: { namespaces: ["shop"] }, to: { service: "orders-db" } }),
  ]);
  const documents = targets.flatMap(({ object }) =>
    object.type === "iam.Role" ? [object.trust] : object.type === "iam.Policy" ? [object.document] : [],
  );
  expect(documents).toHaveLength(3);
  for (const document of documents) expect(JSON.stringify(document)).not.toMatch(/[*?]/);
});

test("an issuer that is a reference stands in condition keys without its scheme", () => {
  const { object } = compile([
    estate({ ...EKS, oidcIssuer: "${ref:issuer}" }),
    workload("shop/web", { aws: { mode: "irsa" } }),
  ]);
  expect(object("iam.Role/prod-shop-web")).toMatchObject({
    trust: {
      Statement: [
        {
          Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/\${ref:issuer}` },
          Condition: {
            StringEquals: {
              "${ref:issuer}:aud": "sts.amazonaws.com",
              "${ref:issuer}:sub": "system:serviceaccount:shop:web",
            },
          },
        },
      ],
    },
  });
});

test("a document is the same however it was put together", () => {
  const statements: IamStatement[] = [
    { Sid: "B", Effect: "Allow", Action: ["b", "a", "b"], Resource: ["y", "x"] },
    { Sid: "A", Effect: "Allow", Action: ["c"], Resource: ["z"] },
    { Sid: "A", Effect: "Allow", Action: ["c"], Resource: ["z", "z"] },
  ];
  expect(iamDocument(statements)).toEqual(iamDocument([...statements].reverse()));
  expect(iamDocument(statements).Statement.map(({ Sid, Action }) => [Sid, Action])).toEqual([
    ["A", ["c"]],
    ["B", ["a", "b"]],
  ]);
});

test("the order of policies does not matter", () => {
  const objects = [
    estate(),
    ordersDb,
    external("ledger", { secret: "arn:aws:secretsmanager:x:1:secret:a", securityGroup: "sg-db" }),
    podIdentity("shop/api"),
    podIdentity("shop/web"),
    reaches("a", ["shop/web", "shop/api"], "orders-db"),
    reaches("b", ["shop/api"], "ledger"),
    grant("c", {
      from: { namespaces: ["shop"] },
      to: { service: "ledger" },
      when: { expires: "2027-01-01" },
    }),
  ];
  const expected = JSON.stringify(compile(objects).targets);
  fc.assert(
    fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
      expect(JSON.stringify(compile(shuffled).targets)).toBe(expected);
    }),
    { numRuns: 20 },
  );
});
