/** Clients of the AWS emulator, from the provider's configuration. Real AWS is never spoken to. */
import { EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient } from "@aws-sdk/client-iam";
import { STSClient } from "@aws-sdk/client-sts";
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
  const credentials = {
    accessKeyId: textAt(config, "accessKey") ?? "test",
    secretAccessKey: textAt(config, "secretKey") ?? "test",
  };
  const settings = (service: string) => {
    const endpoint = lists.map((list) => textAt(list, service)).find(Boolean) ?? process.env.AWS_ENDPOINT_URL;
    if (!endpoint) {
      throw new Error(
        `no endpoint for ${service}: give the provider \`endpoints\` (or set AWS_ENDPOINT_URL); this stand-in talks to an emulator only`,
      );
    }
    return { region, endpoint, credentials };
  };
  const tags = nested(config.defaultTags);
  const defaultTags = isProps(tags) && isProps(tags.tags) ? (tags.tags as Record<string, string>) : {};
  return {
    region,
    iam: new IAMClient(settings("iam")),
    ec2: new EC2Client(settings("ec2")),
    sts: new STSClient(settings("sts")),
    store: openStore(),
    defaultTags,
  };
}
