/**
 * The policy of the deploying role in the docs, judged by a simulator of IAM that is not ours: it knows every action named, and
 * lets the role do what the resource types need, and not become somebody else. That a real `up` needs no other call is not
 * proven: nothing was run on a real account.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readIamDocument } from "../../policy/compile/aws/iam-text.ts";
import type { IamDocument } from "../../policy/compile/aws/objects.ts";
import { allowed } from "./simulate.ts";

const docs = join(import.meta.dirname, "../../docs");
const text = readFileSync(join(docs, "aws-deploying-role.json"), "utf8");
const document = JSON.parse(text) as IamDocument;
const ACCOUNT = "111122223333";
const BOUNDARY = `arn:aws:iam::${ACCOUNT}:policy/workload-boundary`;
const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;

function may(action: string, resource: string, context: Record<string, string> = {}): Promise<boolean> {
  const principal = `arn:aws:sts::${ACCOUNT}:assumed-role/deploy/ci`;
  return allowed({ principal, action, resource, account: ACCOUNT, context }, { permissions: [document] });
}

test("names the actions of the page's table, but for the one that would take a boundary away", () => {
  const page = readFileSync(join(docs, "aws.md"), "utf8");
  const section = page.slice(page.indexOf("## Permissions of the deploying role"), page.indexOf("## Limits"));
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  const named = rows.flatMap((row) => row.match(/`(iam|eks|ec2|rolesanywhere):[A-Za-z]+`/g) ?? []);
  const table = new Set(
    named.map((name) => name.slice(1, -1)).filter((name) => !/:P(assedToService|olicyARN)$/.test(name)),
  );
  table.delete("iam:DeleteRolePermissionsBoundary");
  const listed = new Set(readIamDocument(document).flatMap(({ actions }) => actions));
  expect([...listed].sort()).toEqual([...table].sort());
  expect(text.replace(/\s/g, "").length).toBeLessThan(6_144);
});

/** A resource of the kind that each statement is for. */
const samples: Record<string, readonly [resource: string, context?: Record<string, string>][]> = {
  RolesWithinTheBoundary: [[role("prod-shop-api"), { "iam:PermissionsBoundary": BOUNDARY }]],
  Attachments: [
    [
      role("prod-shop-api"),
      {
        "iam:PermissionsBoundary": BOUNDARY,
        "iam:PolicyARN": `arn:aws:iam::${ACCOUNT}:policy/prod-orders-db`,
      },
    ],
  ],
  Roles: [[role("prod-portreeve-portreeve-proxy")]],
  Policies: [[`arn:aws:iam::${ACCOUNT}:policy/prod-orders-db`]],
  PodIdentity: [[`arn:aws:eks:eu-central-1:${ACCOUNT}:cluster/prod`]],
  PodIdentityAssociations: [[`arn:aws:eks:eu-central-1:${ACCOUNT}:podidentityassociation/prod/a-1`]],
  RolesToPods: [
    [role("prod-shop-api"), { "iam:PassedToService": "pods.eks.amazonaws.com" }],
    [role("prod-edge-scanner"), { "iam:PassedToService": "rolesanywhere.amazonaws.com" }],
  ],
  RolesAnywhereProfiles: [[`arn:aws:rolesanywhere:eu-central-1:${ACCOUNT}:profile/p-1`]],
  RolesAnywhereProfile: [["*"]],
  DatabaseGroups: [[`arn:aws:ec2:eu-central-1:${ACCOUNT}:security-group/sg-0123456789abcdef0`]],
  ReadGroups: [["*"]],
};

test.each(readIamDocument(document))("$label allows what it is for", async ({ label, actions }) => {
  const tried = samples[label] ?? [];
  expect(tried.length).toBeGreaterThan(0);
  for (const action of actions) {
    for (const [resource, context] of tried) {
      expect({ action, resource, allowed: await may(action, resource, context) }).toMatchObject({
        allowed: true,
      });
    }
  }
});

test.each<[string, string, string, Record<string, string>?]>([
  ["make a role without a boundary", "iam:CreateRole", role("prod-x")],
  [
    "make a role with another boundary",
    "iam:CreateRole",
    role("prod-x"),
    { "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess" },
  ],
  ["make a role of another name", "iam:CreateRole", role("admin"), { "iam:PermissionsBoundary": BOUNDARY }],
  [
    "attach a policy of others",
    "iam:AttachRolePolicy",
    role("prod-x"),
    { "iam:PermissionsBoundary": BOUNDARY, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess" },
  ],
  [
    "attach to a role without the boundary",
    "iam:AttachRolePolicy",
    role("prod-x"),
    { "iam:PolicyARN": `arn:aws:iam::${ACCOUNT}:policy/prod-orders-db` },
  ],
  ["take a boundary away", "iam:DeleteRolePermissionsBoundary", role("prod-x")],
  ["change the boundary itself", "iam:CreatePolicyVersion", BOUNDARY],
  ["write a policy into a role", "iam:PutRolePolicy", role("prod-x")],
  ["change another role's trust", "iam:UpdateAssumeRolePolicy", role("admin")],
  ["hand a role to machines", "iam:PassRole", role("prod-x"), { "iam:PassedToService": "ec2.amazonaws.com" }],
  [
    "hand another role to pods",
    "iam:PassRole",
    role("admin"),
    { "iam:PassedToService": "pods.eks.amazonaws.com" },
  ],
  [
    "open another security group",
    "ec2:AuthorizeSecurityGroupIngress",
    `arn:aws:ec2:eu-central-1:${ACCOUNT}:security-group/sg-other`,
  ],
  [
    "associate in another cluster",
    "eks:CreatePodIdentityAssociation",
    `arn:aws:eks:eu-central-1:${ACCOUNT}:cluster/staging`,
  ],
])("does not let it %s", async (_, action, resource, context = {}) => {
  expect(await may(action, resource, context)).toBe(false);
});
