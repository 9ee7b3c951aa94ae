import { IamTextError } from "../../policy/compile/aws/iam-text.ts";
import { checkPermissionDocument } from "../../policy/lint/aws/check-permission-document.ts";
import { checkTrustDocument } from "../../policy/lint/aws/check-trust-document.ts";
import type { DocumentBreach } from "../../policy/lint/aws/document-breach.ts";
import { type Fields, fields, list, resource as made, type Resource, text, texts } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";

const allow = (statement: Fields) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
const role = (statement: Fields) => made("aws:iam/role:Role", "api", { assumeRolePolicy: allow(statement) });
const permission = (statement: Fields) =>
  made("aws:iam/rolePolicy:RolePolicy", "api", { policy: allow(statement) });
const PROVIDER = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com";
const federated = (condition: Fields) =>
  role({ Action: "sts:AssumeRoleWithWebIdentity", Principal: { Federated: PROVIDER }, Condition: condition });
const SUBJECT = { "oidc.example.com:sub": "system:serviceaccount:shop:api" };
const AUDIENCE = { "oidc.example.com:aud": "sts.amazonaws.com" };
const exact = federated({ StringEquals: { ...SUBJECT, ...AUDIENCE } });
const tagged = (action: string | readonly string[]) =>
  role({
    Action: action,
    Principal: { Service: "pods.eks.amazonaws.com" },
    Condition: {
      StringEquals: {
        "aws:RequestTag/kubernetes-namespace": "shop",
        "aws:RequestTag/kubernetes-service-account": "api",
      },
    },
  });

/** What a check says of a document; nothing of what is no document, which AWS refuses in its own words. */
function read(check: (document: unknown) => DocumentBreach[], document: unknown): DocumentBreach[] {
  if (document === undefined) return [];
  try {
    return check(document);
  } catch (error) {
    if (error instanceof IamTextError) return [];
    throw error;
  }
}

function trustRule(
  id: DocumentBreach["rule"],
  remediation: string,
  bad: ResourceRule["bad"],
  good: ResourceRule["good"],
): ResourceRule {
  return {
    id,
    over: "resource",
    severities: ["error"],
    remediation,
    bad,
    good,
    *check(resource): Iterable<StackBreach> {
      if (resource.type !== "aws:iam/role:Role") return;
      for (const { rule, statement, message } of read(checkTrustDocument, resource.props.assumeRolePolicy)) {
        if (rule === id) yield { message: `role ${resource.name}, trust statement ${statement}: ${message}` };
      }
    },
  };
}

/** PR630 to PR633, of the trust documents of roles. */
export const trustRules: readonly ResourceRule[] = [
  trustRule(
    "PR630",
    "Name the service, the OIDC provider, or the role that may take it.",
    [
      [role({ Action: "sts:AssumeRole", Principal: { AWS: "*" } })],
      [role({ Action: "sts:AssumeRole", Principal: "*" })],
      [role({ Action: "sts:AssumeRole", NotPrincipal: { AWS: "arn:aws:iam::123456789012:root" } })],
    ],
    [[role({ Action: "sts:AssumeRole", Principal: { AWS: "arn:aws:iam::123456789012:role/ci" } })]],
  ),
  trustRule(
    "PR631",
    "Demand the exact subject with StringEquals: `:sub` of an OIDC provider, the two session tags of Pod Identity.",
    [
      [federated({ StringEquals: AUDIENCE })],
      [
        federated({
          StringEquals: AUDIENCE,
          StringLike: { "oidc.example.com:sub": "system:serviceaccount:*:*" },
        }),
      ],
    ],
    [[exact]],
  ),
  trustRule(
    "PR632",
    "Demand `:aud` to equal sts.amazonaws.com.",
    [[federated({ StringEquals: SUBJECT })]],
    [[exact]],
  ),
  trustRule(
    "PR633",
    "Add `sts:TagSession` to the statement's actions.",
    [[tagged("sts:AssumeRole")]],
    [[tagged(["sts:AssumeRole", "sts:TagSession"])]],
  ),
];

/** Where a resource keeps a document of permissions. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  "aws:iam/policy:Policy": "policy",
  "aws:iam/rolePolicy:RolePolicy": "policy",
  "aws:iam/userPolicy:UserPolicy": "policy",
  "aws:iam/groupPolicy:GroupPolicy": "policy",
};
/** Actions that open a database, a cache or a broker. Of other actions, whether a pattern is too wide is not known here. */
const OPENS = /^(\*|(rds-db|elasticache|dsql|kafka-cluster):.*)$/i;

/** PR636, of the statements that open TCP services or everything. */
export const widePermission: ResourceRule = {
  id: "PR636",
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
    [permission({ Action: "s3:Get*", Resource: "*" })],
  ],
  *check(resource): Iterable<StackBreach> {
    for (const [where, document] of permissions(resource)) {
      for (const { message, statement } of read(
        (value) => checkPermissionDocument(opening(value)),
        document,
      )) {
        yield { message: `${where}, statement ${statement}: ${message}` };
      }
    }
  },
};

/** The document with those statements alone that open something. */
function opening(document: unknown): unknown {
  const parsed: unknown = typeof document === "string" ? parse(document) : document;
  const { Statement: statement, ...rest } = fields(parsed);
  const all = Array.isArray(statement) ? statement : [statement];
  const relevant = all.filter((one) => {
    const { Action: action, NotAction: notAction } = fields(one);
    return notAction !== undefined || texts(action).some((pattern) => OPENS.test(pattern));
  });
  return { ...rest, Statement: relevant };
}

function parse(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return undefined;
  }
}

function permissions({ type, name, props }: Resource): [string, unknown][] {
  if (type === "aws:iam/role:Role") {
    return list(props.inlinePolicies)
      .map(fields)
      .map((inline) => [`inline policy ${text(inline.name)} of role ${name}`, inline.policy]);
  }
  const key = DOCUMENTS[type];
  return key === undefined ? [] : [[`IAM policy ${name}`, props[key]]];
}
