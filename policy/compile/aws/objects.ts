/**
 * AWS objects as plain data, one shape a Pulumi resource. Text leaves may hold `${ref:NAME}`; keys of a trust document's
 * conditions may too, see {@link IamDocument}.
 */

/** A statement of an IAM document. Lists are sorted and without repetitions. */
export interface IamStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  /** Trust documents only. */
  readonly Principal?:
    | { readonly Service: string }
    | { readonly Federated: string }
    | { readonly AWS: string };
  readonly Action: readonly string[];
  /** Permission documents only. */
  readonly Resource?: readonly string[];
  readonly Condition?: IamCondition;
}

/** Operator, then key, then accepted values. */
export type IamCondition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/**
 * An IAM document in its canonical form: what AWS reorders was sorted before, so that a second preview shows nothing.
 *
 * Where the OIDC issuer is a reference, its `${ref:NAME}` is in an ARN and in condition *keys*, and stands for the issuer
 * without `https://`: whoever puts the value in takes the scheme off.
 */
export interface IamDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly IamStatement[];
}

export type Tags = Readonly<Record<string, string>>;

export interface IamRole {
  readonly type: "iam.Role";
  readonly name: string;
  readonly path: string;
  /** ARN that the role will have. */
  readonly arn: string;
  /** AWS account it is made in. */
  readonly account: string;
  readonly description: string;
  readonly trust: IamDocument;
  /** ARN of the role that takes this one: it is the second of a chain across accounts. */
  readonly chainedFrom?: string;
  /** ARN of the permissions boundary. */
  readonly permissionsBoundary?: string;
  /** Seconds. */
  readonly maxSessionDuration: number;
  readonly tags: Tags;
}

/** A managed policy. Workloads with the same grants share one. */
export interface IamPolicy {
  readonly type: "iam.Policy";
  readonly name: string;
  readonly path: string;
  /** ARN that the policy will have. */
  readonly arn: string;
  /** AWS account it is made in. */
  readonly account: string;
  readonly description: string;
  readonly document: IamDocument;
  readonly tags: Tags;
}

/** A role that is made here (`key` of its target), or an existing one by its ARN. */
export type RoleReference =
  | { readonly key: string; readonly name: string; readonly arn: string }
  | { readonly arn: string };

export interface IamRolePolicyAttachment {
  readonly type: "iam.RolePolicyAttachment";
  /** AWS account of the role; empty where an existing role's is not known. */
  readonly account: string;
  readonly role: RoleReference;
  /** The managed policy: `key` of its target, and the ARN it will have. */
  readonly policy: { readonly key: string; readonly arn: string };
}

export interface EksPodIdentityAssociation {
  readonly type: "eks.PodIdentityAssociation";
  readonly clusterName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly role: RoleReference;
  readonly tags: Tags;
}

export interface Ec2SecurityGroupIngressRule {
  readonly type: "ec2.SecurityGroupIngressRule";
  /** The service's group, which the rule belongs to. */
  readonly securityGroupId: string;
  /** The group that connections come from. */
  readonly referencedSecurityGroupId: string;
  readonly ipProtocol: "tcp";
  readonly fromPort: number;
  readonly toPort: number;
  /** At most 255 characters of those that EC2 allows. */
  readonly description: string;
}

/** A Roles Anywhere profile: which role a certificate's holder may ask for, and for how long. */
export interface RolesAnywhereProfile {
  readonly type: "rolesanywhere.Profile";
  readonly name: string;
  readonly role: RoleReference;
  /** Seconds. */
  readonly durationSeconds: number;
  readonly tags: Tags;
}

/** Everything that this compiler emits. */
export type AwsObject =
  | IamRole
  | IamPolicy
  | IamRolePolicyAttachment
  | EksPodIdentityAssociation
  | Ec2SecurityGroupIngressRule
  | RolesAnywhereProfile;
