import { type Fields, fields, list, resource as made, type Resource, text, texts } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";

const role = (statement: Record<string, unknown>) =>
  made("aws:iam/role:Role", "api", {
    assumeRolePolicy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", ...statement }],
    }),
  });
const permission = (statement: Record<string, unknown>) =>
  made("aws:iam/rolePolicy:RolePolicy", "api", {
    policy: JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] }),
  });

/** The statements that allow, of a document given as text or as an object. */
function allows(document: unknown): Fields[] {
  const parsed = typeof document === "string" ? parse(document) : fields(document);
  const { Statement: statement } = parsed;
  return (Array.isArray(statement) ? statement : [statement])
    .map(fields)
    .filter((one) => one.Effect === "Allow");
}

function parse(document: string): Fields {
  try {
    return fields(JSON.parse(document));
  } catch {
    // AWS refuses it, with its own words.
    return {};
  }
}

/** PR620. */
export const openTrust: ResourceRule = {
  id: "PR620",
  over: "resource",
  severities: ["error"],
  remediation:
    "Name the principal; for an OIDC provider add a StringEquals condition on its `:sub` with the exact subject.",
  bad: [
    [role({ Action: "sts:AssumeRole", Principal: { AWS: "*" } })],
    [role({ Action: "sts:AssumeRole", Principal: "*" })],
    [
      role({
        Action: "sts:AssumeRoleWithWebIdentity",
        Principal: { Federated: "arn:aws:iam::123456789012:oidc-provider/oidc.example.com" },
        Condition: { StringEquals: { "oidc.example.com:aud": "sts.amazonaws.com" } },
      }),
    ],
    [
      role({
        Action: "sts:AssumeRoleWithWebIdentity",
        Principal: { Federated: "arn:aws:iam::123456789012:oidc-provider/oidc.example.com" },
        Condition: { StringLike: { "oidc.example.com:sub": "system:serviceaccount:*:*" } },
      }),
    ],
  ],
  good: [
    [role({ Action: "sts:AssumeRole", Principal: { AWS: "arn:aws:iam::123456789012:role/ci" } })],
    [
      role({
        Action: ["sts:AssumeRole", "sts:TagSession"],
        Principal: { Service: "pods.eks.amazonaws.com" },
      }),
    ],
    [
      role({
        Action: "sts:AssumeRoleWithWebIdentity",
        Principal: { Federated: "arn:aws:iam::123456789012:oidc-provider/oidc.example.com" },
        Condition: { StringEquals: { "oidc.example.com:sub": "system:serviceaccount:shop:api" } },
      }),
    ],
  ],
  *check(resource): Iterable<StackBreach> {
    if (resource.type !== "aws:iam/role:Role") return;
    for (const statement of allows(resource.props.assumeRolePolicy)) {
      const principal = statement.Principal;
      const named = typeof principal === "string" ? [principal] : texts(fields(principal).AWS);
      const conditions = Object.entries(fields(statement.Condition));
      if (statement.NotPrincipal !== undefined) {
        yield { message: `role ${resource.name} may be taken by everybody but a few (NotPrincipal)` };
      } else if (named.includes("*") && conditions.length === 0) {
        yield { message: `role ${resource.name} may be taken by anybody (Principal *)` };
      }
      const providers = texts(fields(principal).Federated).filter((arn) => arn.includes(":oidc-provider/"));
      if (providers.length === 0 || namesSubject(conditions)) continue;
      yield { message: `role ${resource.name} may be taken by every subject of ${providers.join(", ")}` };
    }
  },
};

/** A condition that names subjects: exact ones, or a pattern with a namespace in it. */
function namesSubject(conditions: readonly (readonly [string, unknown])[]): boolean {
  return conditions.some(
    ([operator, keys]) =>
      /^(ForAnyValue:)?String(Equals|Like)$/.test(operator) &&
      Object.entries(fields(keys)).some(
        ([key, values]) =>
          key.endsWith(":sub") && texts(values).every((value) => !isAnySubject(value, operator)),
      ),
  );
}

function isAnySubject(value: string, operator: string): boolean {
  // In StringEquals a star is a star.
  return operator.endsWith("StringLike") && /^(\*|system:serviceaccount:\*.*|repo:\*.*)$/.test(value);
}

/** Where a resource keeps a document of permissions. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  "aws:iam/policy:Policy": "policy",
  "aws:iam/rolePolicy:RolePolicy": "policy",
  "aws:iam/userPolicy:UserPolicy": "policy",
  "aws:iam/groupPolicy:GroupPolicy": "policy",
};
/** Actions that open a database or a cache to whoever has them. */
const LOGIN =
  /^(\*|rds-db:(\*|connect)|elasticache:(\*|connect)|dsql:(\*|DbConnect(Admin)?)|kafka-cluster:(\*|Connect))$/i;

/** PR621. */
export const widePermission: ResourceRule = {
  id: "PR621",
  over: "resource",
  severities: ["error"],
  remediation:
    "Name the actions, and the ARN: `arn:aws:rds-db:REGION:ACCOUNT:dbuser:RESOURCE/USER` for a database login.",
  bad: [
    [permission({ Action: "*", Resource: "*" })],
    [permission({ Action: "rds-db:connect", Resource: "*" })],
    [
      permission({
        Action: ["rds-db:connect"],
        Resource: "arn:aws:rds-db:eu-west-1:123456789012:dbuser:*/*",
      }),
    ],
    [permission({ NotAction: "iam:*", Resource: "*" })],
  ],
  good: [
    [
      permission({
        Action: "rds-db:connect",
        Resource: "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-ABC/api",
      }),
    ],
    [permission({ Action: "s3:ListAllMyBuckets", Resource: "*" })],
  ],
  *check(resource): Iterable<StackBreach> {
    for (const [where, document] of permissions(resource)) {
      for (const statement of allows(document)) {
        if (statement.NotAction !== undefined) {
          yield { message: `${where} allows everything but a few actions (NotAction)` };
          continue;
        }
        const actions = texts(statement.Action).filter((action) => LOGIN.test(action));
        const targets = statement.NotResource === undefined ? texts(statement.Resource) : ["*"];
        const wide = targets.filter((target) => target === "*" || /:dbuser:[^/]*\*/.test(target));
        if (actions.length === 0 || wide.length === 0) continue;
        yield { message: `${where} allows ${actions.join(", ")} on ${wide.join(", ")}` };
      }
    }
  },
};

function permissions({ type, name, props }: Resource): [string, unknown][] {
  if (type === "aws:iam/role:Role") {
    return list(props.inlinePolicies)
      .map(fields)
      .map((inline) => [`inline policy ${text(inline.name)} of role ${name}`, inline.policy]);
  }
  const key = DOCUMENTS[type];
  return key === undefined ? [] : [[`IAM policy ${name}`, props[key]]];
}
