import { createHash, createHmac, type Hash, type Hmac, randomUUID } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { CliError } from "../../exit.ts";
import type { Identity } from "../contexts.ts";
import { needPackage } from "../package.ts";
import { messageOf } from "../private-file.ts";

type AwsIdentity = Extract<Identity, { readonly type: "aws" }>;

/** Keys that sign, from wherever the AWS tools of this machine have theirs. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const BODY = "Action=GetCallerIdentity&Version=2011-06-15";

/**
 * The keys that the AWS SDK finds for Node: environment, profiles, SSO, web identity, containers, instance metadata.
 *
 * @throws CliError when there are none
 */
export async function awsKeys({ profile }: AwsIdentity): Promise<AwsKeys> {
  const name = "@aws-sdk/credential-provider-node";
  const { defaultProvider } = await needPackage(
    name,
    "signing in with AWS",
    () => import("@aws-sdk/credential-provider-node"),
  );
  try {
    return await defaultProvider(profile === undefined ? {} : { profile })();
  } catch (cause) {
    throw new CliError(`no AWS credentials: ${messageOf(cause)}`, undefined, { cause });
  }
}

/**
 * The value of `Proxy-Authorization`: a GetCallerIdentity request, signed and not sent. The proxy sends it to the STS
 * endpoint of the region that it is configured with; the role that STS names is the caller. The audience is signed, so
 * that the request is of no use to another proxy, and it holds no key.
 */
export async function signedIdentity(identity: AwsIdentity, keys: AwsKeys, now: Date): Promise<string> {
  const host = `sts.${identity.region}.${domainOf(identity.region)}`;
  const signer = new SignatureV4({
    service: "sts",
    region: identity.region,
    sha256: Sha256,
    credentials: {
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secretAccessKey,
      ...(keys.sessionToken === undefined ? {} : { sessionToken: keys.sessionToken }),
    },
  });
  const signed = await signer.sign(
    {
      method: "POST",
      protocol: "https:",
      hostname: host,
      path: "/",
      query: {},
      headers: {
        host,
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "x-portreeve-audience": identity.audience,
        // Two requests of one second would have one signature, and the proxy takes the second for a replay.
        "x-portreeve-nonce": randomUUID(),
      },
      body: BODY,
    },
    { signingDate: now },
  );
  const { headers } = signed;
  const text = JSON.stringify({ method: "POST", url: `https://${host}/`, headers, body: BODY });
  return `AWS4-STS ${Buffer.from(text).toString("base64url")}`;
}

/** The DNS domain of a region's partition. */
function domainOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/** SHA-256, or HMAC with it, as the signer wants it. */
class Sha256 {
  readonly #key: Uint8Array | undefined;
  #hash: Hash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = key === undefined ? undefined : bytesOf(key);
    this.#hash = this.#start();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }

  reset(): void {
    this.#hash = this.#start();
  }

  #start(): Hash | Hmac {
    return this.#key === undefined ? createHash("sha256") : createHmac("sha256", this.#key);
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
