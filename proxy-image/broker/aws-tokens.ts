import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { Signer } from "@aws-sdk/rds-signer";
import { SignatureV4 } from "@smithy/signature-v4";
import type { IssuedToken } from "./token-cache.ts";

/** What AWS signs with; `expiration` where they are temporary. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export type CredentialProvider = () => Promise<AwsCredentials>;

/** How long both kinds of token may be used to log in, which is AWS's own bound. */
const LIFETIME_SECONDS = 900;

/** A login to an RDS database. */
export interface RdsLogin {
  readonly region: string;
  /** The database's endpoint as AWS named it; the token is good for no other name. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** A login to an ElastiCache cache. */
export interface CacheLogin {
  readonly region: string;
  /** Name of the replication group, or of the serverless cache. */
  readonly cache: string;
  readonly serverless: boolean;
  readonly user: string;
}

/**
 * Makes login tokens by signing; no request leaves the process for it, except for the credentials themselves. This file
 * alone loads the AWS SDK, and is loaded only by a proxy that logs in somewhere.
 */
export class AwsTokens {
  readonly #credentials: CredentialProvider;

  /** @param credentials @default the SDK's chain: environment, IRSA, Pod Identity, instance role */
  constructor(credentials: CredentialProvider = defaultProvider()) {
    this.#credentials = credentials;
  }

  async rds({ region, host, port, user }: RdsLogin): Promise<IssuedToken> {
    const credentials = await this.#credentials();
    const signer = new Signer({ region, hostname: host, port, username: user, credentials });
    const signedAt = Date.now();
    return { token: await signer.getAuthToken(), expires: expiry(signedAt, credentials) };
  }

  async elasticache({ region, cache, serverless, user }: CacheLogin): Promise<IssuedToken> {
    const credentials = await this.#credentials();
    const signer = new SignatureV4({ service: "elasticache", region, credentials, sha256: Sha256 });
    const signedAt = Date.now();
    const { query } = await signer.presign(
      {
        method: "GET",
        protocol: "http:",
        hostname: cache,
        path: "/",
        headers: { host: cache },
        query: { Action: "connect", User: user, ...(serverless && { ResourceType: "ServerlessCache" }) },
      },
      { expiresIn: LIFETIME_SECONDS },
    );
    const text = Object.entries(query ?? {})
      .map(([key, value]) => `${encode(key)}=${encode(String(value))}`)
      .join("&");
    return { token: `${cache}/?${text}`, expires: expiry(signedAt, credentials) };
  }
}

/** A token ends with the credentials that signed it, if they end first. */
function expiry(signedAt: number, { expiration }: AwsCredentials): number {
  return Math.min(signedAt + LIFETIME_SECONDS * 1_000, expiration?.getTime() ?? Number.POSITIVE_INFINITY);
}

/** RFC 3986, as SigV4 wants it: `encodeURIComponent` leaves five signs alone that are reserved there. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The hash in the form that the signer takes. */
class Sha256 {
  readonly #secret: string | Uint8Array | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined || typeof secret === "string" ? secret : bytesOf(secret);
    this.#hash = this.#make();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === "string" ? data : bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#make();
  }

  #make(): Hash | Hmac {
    return this.#secret === undefined ? createHash("sha256") : createHmac("sha256", this.#secret);
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
