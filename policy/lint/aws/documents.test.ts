/** IAM documents in general, as AWS's grammar allows them: single values, any operator, inverted elements. */
import { describe, expect, it } from "vitest";
import { breachesOf } from "../../../test/lint/breaches.ts";
import { IamTextError } from "../../compile/aws/iam-text.ts";
import {
  chainTrust,
  irsaTrust,
  podIdentityTrust,
  rolesAnywhereTrust,
} from "../../compile/aws/trust-document.ts";
import { awsWiderThanMesh } from "../rules/aws-wider-than-mesh.ts";
import { checkPermissionDocument } from "./check-permission-document.ts";
import { checkTrustDocument } from "./check-trust-document.ts";
import { DATABASE_SAMPLE, grantSample, TRUST_SAMPLE, workloadSample } from "./sample.ts";

const ACCOUNT = "111122223333";
const EKS = { name: "prod", account: ACCOUNT, region: "eu-central-1" };
const ANCHOR = `arn:aws:rolesanywhere:eu-central-1:${ACCOUNT}:trust-anchor/1`;
const PROVIDER = `arn:aws:iam::${ACCOUNT}:oidc-provider/o.example/id/A`;
const allow = (statement: object) => ({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", ...statement },
});
const rules = (document: unknown) => checkTrustDocument(document).map(({ rule }) => rule);
const web = (condition?: object) =>
  allow({
    Principal: { Federated: PROVIDER },
    Action: "sts:AssumeRoleWithWebIdentity",
    ...(condition && { Condition: condition }),
  });
const sub = { "o.example/id/A:sub": "system:serviceaccount:shop:api" };
const aud = { "o.example/id/A:aud": "sts.amazonaws.com" };

describe("a trust document", () => {
  it.each([
    ["Pod Identity", podIdentityTrust(EKS, "shop", "api")],
    ["IRSA", irsaTrust("https://o.example/id/A", "eu-central-1", ACCOUNT, "shop", "api")],
    [
      "Roles Anywhere",
      rolesAnywhereTrust({ mode: "roles-anywhere", trustAnchorArn: ANCHOR }, "spiffe://t/ns/shop/sa/api"),
    ],
    [
      "a role chain",
      chainTrust({ arn: `arn:aws:iam::${ACCOUNT}:role/a`, account: ACCOUNT, partition: "aws" }, "id", true),
    ],
  ])("that we make for %s breaches nothing", (_, document) => {
    expect(checkTrustDocument(document)).toEqual([]);
    expect(checkTrustDocument(JSON.stringify(document))).toEqual([]);
  });

  it.each<[string, object, string[]]>([
    ["everybody", allow({ Principal: "*", Action: "sts:AssumeRole" }), ["PR630"]],
    ["everybody as AWS", allow({ Principal: { AWS: "*" }, Action: "sts:AssumeRole" }), ["PR630"]],
    [
      "everybody, told apart by a pattern",
      allow({
        Principal: { AWS: "*" },
        Action: "sts:AssumeRole",
        Condition: { ArnLike: { "aws:PrincipalArn": "arn:aws:iam::*:role/api" } },
      }),
      ["PR630"],
    ],
    [
      "everybody but one",
      allow({ NotPrincipal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "sts:AssumeRole" }),
      ["PR630"],
    ],
    ["a provider without any condition", web(), ["PR631", "PR632"]],
    [
      "a subject by pattern",
      web({ StringEquals: aud, StringLike: { "o.example/id/A:sub": "system:*" } }),
      ["PR631"],
    ],
    [
      "a subject by pattern in an operator on several values",
      web({
        StringEquals: aud,
        "ForAnyValue:StringLike": { "o.example/id/A:sub": ["system:serviceaccount:shop:*"] },
      }),
      ["PR631"],
    ],
    [
      "a subject only if there is one",
      web({ StringEqualsIfExists: { ...sub }, StringEquals: aud }),
      ["PR631"],
    ],
    ["any subject but one", web({ StringNotEquals: sub, StringEquals: aud }), ["PR631"]],
    [
      "a condition that an empty list of values passes",
      web({ "ForAllValues:StringEquals": { ...sub, ...aud } }),
      ["PR631", "PR632"],
    ],
    [
      "a provider by an action that is only left out elsewhere",
      allow({ Principal: { Federated: PROVIDER }, NotAction: "sts:GetCallerIdentity" }),
      ["PR631", "PR632"],
    ],
    ["no audience", web({ StringEquals: sub }), ["PR632"]],
    [
      "Pod Identity without tags",
      allow({ Principal: { Service: ["pods.eks.amazonaws.com"] }, Action: "sts:AssumeRole" }),
      ["PR631", "PR631", "PR633"],
    ],
    [
      "any certificate of any anchor",
      allow({
        Principal: { Service: "rolesanywhere.amazonaws.com" },
        Action: ["sts:AssumeRole", "sts:TagSession"],
      }),
      ["PR631", "PR631"],
    ],
  ])("that lets in %s", (_, document, expected) => {
    expect(rules(document)).toEqual(expected);
  });

  it.each<[string, object]>([
    ["a pattern in StringEquals, which is no pattern", web({ StringEquals: { ...sub, ...aud } })],
    [
      "everybody, but one role only",
      allow({
        Principal: { AWS: "*" },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "aws:PrincipalArn": `arn:aws:iam::${ACCOUNT}:role/a` } },
      }),
    ],
    [
      "an AWS service of another kind",
      allow({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }),
    ],
    [
      "a SAML provider",
      allow({
        Principal: { Federated: `arn:aws:iam::${ACCOUNT}:saml-provider/idp` },
        Action: "sts:AssumeRoleWithSAML",
      }),
    ],
    ["nobody", { Version: "2012-10-17", Statement: [{ Effect: "Deny", Principal: "*", Action: "*" }] }],
  ])("that names %s breaches nothing", (_, document) => {
    expect(rules(document)).toEqual([]);
  });

  it("that is none is refused with what is wrong", () => {
    expect(() => checkTrustDocument("{")).toThrow(IamTextError);
    expect(() => checkTrustDocument({ Statement: [{ Effect: "Perhaps" }] })).toThrow(/Statement.*is wrong/);
  });
});

describe("a permission document", () => {
  const arn = `arn:aws:rds-db:eu-central-1:${ACCOUNT}:dbuser:cluster-ABC/app`;
  const messages = (statement: object) =>
    checkPermissionDocument(allow(statement)).map(({ message }) => message);

  it.each<[object, string[]]>([
    [{ Action: "*", Resource: "*" }, ["the action * is a pattern", "the resource * is a pattern"]],
    [{ Action: ["rds-db:*"], Resource: arn }, ["the action rds-db:* is a pattern"]],
    [{ Action: "rds-db:connect", Resource: arn.replace("app", "?pp") }, [expect.stringContaining("?pp")]],
    [{ NotAction: "iam:*", Resource: arn }, ["`NotAction` allows everything that is not named"]],
    [{ Action: "rds-db:connect", NotResource: arn }, ["`NotResource` allows everything that is not named"]],
    [{ Action: "rds-db:connect", Resource: arn }, []],
    [
      {
        Action: "kafka-cluster:ReadData",
        Resource: `arn:aws:kafka:eu-central-1:${ACCOUNT}:topic/events/0a-1/*`,
      },
      [],
    ],
    [
      {
        Action: "kafka-cluster:ReadData",
        Resource: `arn:aws:kafka:eu-central-1:${ACCOUNT}:topic/*/0a-1/orders`,
      },
      [expect.stringContaining("topic/*")],
    ],
  ])("%j", (statement, expected) => {
    expect(messages(statement)).toEqual(expected);
  });
});

describe("IAM wider than the grants", () => {
  const breaches = (text: string) => breachesOf(awsWiderThanMesh, TRUST_SAMPLE + DATABASE_SAMPLE + text);
  const role = '{ mode: irsa, roleArn: "arn:aws:iam::111122223333:role/shared" }';

  it("a shared role gives one workload what only the other was granted", () => {
    const text =
      workloadSample("shop/api", role) + workloadSample("shop/worker", role) + grantSample("shop/api");
    expect(breaches(text)).toEqual([
      expect.stringMatching(/error the role of shop\/worker may log in to orders-db, and no grant/),
    ]);
  });

  it("two Services that are one database are one permission", () => {
    const twin = DATABASE_SAMPLE.replace("name: orders-db", "name: orders-copy").replace(
      "orders.ex",
      "copy.ex",
    );
    const text = twin + workloadSample("shop/api", "{ mode: pod-identity }") + grantSample("shop/api");
    expect(breaches(text)).toEqual([expect.stringMatching(/may log in to orders-copy/)]);
  });

  it("a role that may log in past the proxy is told, whatever is granted", () => {
    const existing = `{ mode: irsa, roleArn: "arn:aws:iam::${ACCOUNT}:role/a", existing: { permissions: ['${JSON.stringify(
      allow({ Action: "rds-db:*", Resource: "*" }),
    )}'] } }`;
    const text = workloadSample("shop/api", existing) + grantSample("shop/api");
    expect(breaches(text)).toEqual([]);
    const brokered = TRUST_SAMPLE + DATABASE_SAMPLE.replace("  aws:", "  auth: rds-iam\n  aws:") + text;
    expect(breachesOf(awsWiderThanMesh, brokered)).toEqual([expect.stringMatching(/past the proxy/)]);
  });
});
