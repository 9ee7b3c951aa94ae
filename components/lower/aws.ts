import { createRequire } from "node:module";
import type * as eks from "@pulumi/aws/eks/podIdentityAssociation.js";
import type * as iamPolicy from "@pulumi/aws/iam/policy.js";
import type * as iamRole from "@pulumi/aws/iam/role.js";
import type * as attachment from "@pulumi/aws/iam/rolePolicyAttachment.js";
import type * as profile from "@pulumi/aws/rolesanywhere/profile.js";
import type * as ingress from "@pulumi/aws/vpc/securityGroupIngressRule.js";
import type * as pulumi from "@pulumi/pulumi";
import type { AwsObject, IamDocument, RoleReference } from "../../policy/compile/aws/objects.ts";
import { canonicalJson } from "../../policy/model/canonical.ts";
import { hasRef } from "../../policy/schema/index.ts";
import type { Refs } from "../leaves.ts";
import { resolveText } from "./text.ts";

const require = createRequire(import.meta.url);

/** Loads one resource class; the AWS package is only needed by programs that make the AWS side. */
function load<T>(module: string): T {
  try {
    return require(`@pulumi/aws/${module}`) as T;
  } catch (error) {
    throw new Error(
      "the policies have an AWS side, and @pulumi/aws is not installed: run `npm install @pulumi/aws`, or pass `aws: false`",
      { cause: error },
    );
  }
}

/** Resources already made in this policy set, by the key of their target, so that others can refer to them. */
export type Made = Map<string, pulumi.CustomResource>;

/** Makes the Pulumi resource for one AWS object. */
export function lowerAws(
  name: string,
  object: AwsObject,
  refs: Refs,
  made: ReadonlyMap<string, pulumi.CustomResource>,
  opts: pulumi.CustomResourceOptions,
): pulumi.CustomResource {
  const leaf = (text: string): pulumi.Input<string> => (hasRef(text) ? resolveText(text, refs) : text);
  switch (object.type) {
    case "iam.Role": {
      const { Role } = load<typeof iamRole>("iam/role.js");
      return new Role(
        name,
        {
          name: object.name,
          path: object.path,
          description: object.description,
          assumeRolePolicy: documentText(object.trust, refs),
          ...(object.permissionsBoundary !== undefined && {
            permissionsBoundary: leaf(object.permissionsBoundary),
          }),
          maxSessionDuration: object.maxSessionDuration,
          tags: object.tags,
        },
        opts,
      );
    }
    case "iam.Policy": {
      const { Policy } = load<typeof iamPolicy>("iam/policy.js");
      const { path, description, tags } = object;
      return new Policy(
        name,
        { name: object.name, path, description, policy: documentText(object.document, refs), tags },
        opts,
      );
    }
    case "iam.RolePolicyAttachment": {
      const { RolePolicyAttachment } = load<typeof attachment>("iam/rolePolicyAttachment.js");
      const policy = arnOf(made, object.policy.key) ?? leaf(object.policy.arn);
      return new RolePolicyAttachment(
        name,
        { role: roleName(object.role, made, refs), policyArn: policy },
        opts,
      );
    }
    case "eks.PodIdentityAssociation": {
      const { PodIdentityAssociation } = load<typeof eks>("eks/podIdentityAssociation.js");
      const { clusterName, namespace, serviceAccount, tags } = object;
      const roleArn = roleArnOf(object.role, made, leaf);
      return new PodIdentityAssociation(
        name,
        { clusterName: leaf(clusterName), namespace, serviceAccount, roleArn, tags },
        opts,
      );
    }
    case "ec2.SecurityGroupIngressRule": {
      const { SecurityGroupIngressRule } = load<typeof ingress>("vpc/securityGroupIngressRule.js");
      const { ipProtocol, fromPort, toPort, description } = object;
      return new SecurityGroupIngressRule(
        name,
        {
          securityGroupId: leaf(object.securityGroupId),
          referencedSecurityGroupId: leaf(object.referencedSecurityGroupId),
          ipProtocol,
          fromPort,
          toPort,
          description,
        },
        opts,
      );
    }
    case "rolesanywhere.Profile": {
      const { Profile } = load<typeof profile>("rolesanywhere/profile.js");
      const { durationSeconds, tags } = object;
      const roleArns = [roleArnOf(object.role, made, leaf)];
      return new Profile(name, { name: object.name, roleArns, durationSeconds, enabled: true, tags }, opts);
    }
    default: {
      const never: never = object;
      throw new TypeError(`unknown AWS object: ${JSON.stringify(never)}`);
    }
  }
}

/** The canonical JSON of a document. An issuer stands in it without its scheme; see `IamDocument`. */
function documentText(document: IamDocument, refs: Refs): pulumi.Input<string> {
  const json = canonicalJson(document);
  return hasRef(json) ? resolveText(json, refs, (value) => value.replace(/^https:\/\//, "")) : json;
}

function roleArnOf(
  role: RoleReference,
  made: ReadonlyMap<string, pulumi.CustomResource>,
  leaf: (text: string) => pulumi.Input<string>,
): pulumi.Input<string> {
  return ("key" in role ? arnOf(made, role.key) : undefined) ?? leaf(role.arn);
}

/** An attachment wants the role's name; of an existing role it is the last part of the ARN. */
function roleName(
  role: RoleReference,
  made: ReadonlyMap<string, pulumi.CustomResource>,
  refs: Refs,
): pulumi.Input<string> {
  const last = (arn: string) => arn.slice(arn.lastIndexOf("/") + 1);
  if (!("key" in role)) return hasRef(role.arn) ? resolveText(role.arn, refs).apply(last) : last(role.arn);
  const resource = made.get(role.key);
  return resource && "name" in resource ? (resource.name as pulumi.Output<string>) : role.name;
}

function arnOf(
  made: ReadonlyMap<string, pulumi.CustomResource>,
  key: string,
): pulumi.Output<string> | undefined {
  const resource = made.get(key);
  return resource && "arn" in resource ? (resource.arn as pulumi.Output<string>) : undefined;
}
