import type * as pulumi from "@pulumi/pulumi";
import type { AwsAccounts } from "../components/policy-set.ts";

/** How another AWS account is reached, in a program of any language. */
interface AccountAccess {
  /** Region of the provider. IAM has none, yet the provider asks for one. */
  readonly region?: pulumi.Input<string>;
  /** The role in that account that deploys. @default the credentials at hand, or `profile` */
  readonly roleArn?: pulumi.Input<string>;
  /** What that role's trust asks for. */
  readonly externalId?: pulumi.Input<string>;
  /** A profile of the AWS configuration. */
  readonly profile?: pulumi.Input<string>;
}

const FIELDS = new Set(["region", "roleArn", "externalId", "profile"]);

/**
 * A provider for each other account: a program that is not TypeScript cannot hand over a provider of its own. Each refuses to
 * work in any account but its own.
 *
 * @throws Error when an account or a field is not one.
 */
export async function awsAccountProviders(name: string, value: unknown): Promise<AwsAccounts | undefined> {
  if (value === undefined || value === null) return undefined;
  const accounts = Object.entries(value).map(
    ([account, access]) => [account, read(account, access)] as const,
  );
  if (accounts.length === 0) return undefined;
  const { Provider } = await awsSdk();
  return Object.fromEntries(
    accounts.map(([account, { region, roleArn, externalId, profile }]) => [
      account,
      new Provider(`${name}-${account}`, {
        allowedAccountIds: [account],
        ...(region !== undefined && { region }),
        ...(profile !== undefined && { profile }),
        ...(roleArn !== undefined && {
          assumeRoles: [
            { roleArn, sessionName: "portreeve", ...(externalId !== undefined && { externalId }) },
          ],
        }),
      }),
    ]),
  );
}

function read(account: string, access: unknown): AccountAccess {
  if (!/^\d{12}$/.test(account)) {
    throw new Error(`awsAccounts: "${account}" is no AWS account; write its twelve digits in quotes`);
  }
  if (typeof access !== "object" || access === null || Array.isArray(access)) {
    throw new Error(
      `awsAccounts.${account}: write an object such as { region: us-east-1, roleArn: "arn:…" }`,
    );
  }
  const strange = Object.keys(access).find((field) => !FIELDS.has(field));
  if (strange !== undefined) {
    throw new Error(`awsAccounts.${account}.${strange} is not known; there are ${[...FIELDS].join(", ")}`);
  }
  return access;
}

async function awsSdk(): Promise<typeof import("@pulumi/aws")> {
  try {
    return await import("@pulumi/aws");
  } catch (cause) {
    throw new Error("awsAccounts needs the package @pulumi/aws beside portreeve; install it", { cause });
  }
}
