/** Clients of the AWS emulator, from the provider's configuration. Real AWS is never spoken to. */
import { EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { isProps, type Props, textAt, type Value } from "../provider/values.ts";
import { openStore, type Store } from "./store.ts";

export interface Clients {
  readonly region: string;
  readonly iam: IAMClient;
  readonly ec2: EC2Client;
  readonly sts: STSClient;
  /** What the emulator does not have. */
  readonly store: Store;
  /** The provider's `defaultTags.tags`. */
  readonly defaultTags: Readonly<Record<string, string>>;
}

/** Nested settings of a provider arrive as JSON text. */
function nested(value: Value | undefined): Value | undefined {
  return typeof value === "string" && /^[[{]/.test(value) ? (JSON.parse(value) as Value) : value;
}

export function connectTo(config: Props): Clients {
  const region = textAt(config, "region") ?? process.env.AWS_REGION ?? "us-east-1";
  const endpoints = nested(config.endpoints);
  const lists = Array.isArray(endpoints) ? endpoints.filter(isProps) : isProps(endpoints) ? [endpoints] : [];
  const own: Keys = {
    accessKeyId: textAt(config, "accessKey") ?? "test",
    secretAccessKey: textAt(config, "secretKey") ?? "test",
  };
  const assumed = nested(config.assumeRoles);
  const roles = Array.isArray(assumed) ? assumed.filter(isProps) : [];
  const settings = (service: string, credentials: Keys | (() => Promise<Keys>)) => {
    const endpoint = lists.map((list) => textAt(list, service)).find(Boolean) ?? process.env.AWS_ENDPOINT_URL;
    if (!endpoint) {
      throw new Error(
        `no endpoint for ${service}: give the provider \`endpoints\` (or set AWS_ENDPOINT_URL); this stand-in talks to an emulator only`,
      );
    }
    return { region, endpoint, credentials };
  };
  const credentials =
    roles.length === 0 ? own : () => assume(roles, own, (keys) => new STSClient(settings("sts", keys)));
  const tags = nested(config.defaultTags);
  const defaultTags = isProps(tags) && isProps(tags.tags) ? (tags.tags as Record<string, string>) : {};
  return {
    region,
    iam: new IAMClient(settings("iam", credentials)),
    ec2: new EC2Client(settings("ec2", credentials)),
    sts: new STSClient(settings("sts", credentials)),
    store: openStore(),
    defaultTags,
  };
}

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Takes the roles one after the other, as the real provider does. The emulator lets anybody take any role, and keeps what the
 * keys make in the account of the role: accounts are kept apart, trust is not looked at.
 */
async function assume(roles: readonly Props[], own: Keys, sts: (keys: Keys) => STSClient): Promise<Keys> {
  let keys = own;
  for (const role of roles) {
    const { Credentials } = await sts(keys).send(
      new AssumeRoleCommand({
        RoleArn: textAt(role, "roleArn"),
        RoleSessionName: textAt(role, "sessionName") ?? "test",
        ExternalId: textAt(role, "externalId"),
      }),
    );
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials ?? {};
    if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
      throw new Error(`the emulator gives no credentials for ${textAt(role, "roleArn")}`);
    keys = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  }
  return keys;
}
