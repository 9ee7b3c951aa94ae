import { Refused } from "./credential.ts";

/** The role behind a session. */
export interface CallerRole {
  /** `arn:aws:iam::ACCOUNT:role/NAME`. The role's path is not in a session's ARN; see `policy/decide/key.ts`. */
  readonly role: string;
  readonly account: string;
  /** Chosen by whoever took the role; for IAM Identity Center the person's user name. */
  readonly session: string;
}

/**
 * The role of `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
 *
 * @param region whose STS answered: `cn-*` and `us-gov-*` are partitions of their own
 * @throws Refused for an IAM user, the root of an account, or a federated user: policies name roles
 */
export function roleOfCaller(arn: string, region: string): CallerRole {
  const match = /^arn:(aws[a-z-]*):(sts|iam)::(\d{12}):([a-z-]+)(?:\/(.+))?$/.exec(arn);
  const [, partition, service, account = "", kind, rest = ""] = match ?? [];
  if (partition === undefined || partition !== partitionOf(region)) {
    throw new Refused("identity", "STS answered with an identity that is not understood");
  }
  const assumed = /^([\w+=,.@-]{1,64})\/([\w+=,.@-]{2,64})$/.exec(rest);
  const [, name, session] = assumed ?? [];
  if (service !== "sts" || kind !== "assumed-role" || name === undefined || session === undefined) {
    throw new Refused(
      "identity",
      "only IAM roles are accepted, no users and no root: assume a role, then sign again",
    );
  }
  return { role: `arn:${partition}:iam::${account}:role/${name}`, account, session };
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  if (region.startsWith("us-gov-")) return "aws-us-gov";
  if (region.startsWith("eusc-")) return "aws-eusc";
  if (region.startsWith("us-iso-")) return "aws-iso";
  if (region.startsWith("us-isob-")) return "aws-iso-b";
  return "aws";
}
