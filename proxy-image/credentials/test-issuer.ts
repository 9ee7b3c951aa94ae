/** An issuer for tests, without a network: keys and tokens made by node:crypto alone, so that jose is not its own judge. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Answer } from "./fetch-text.ts";

export const ISSUER = "https://issuer.example";
/** 2026-11-21T00:00:00Z. */
export const NOW = 1_795_219_200_000;

export interface TestKey {
  readonly kid: string;
  readonly alg: "RS256" | "ES256";
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** As it stands in a JWKS. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function createKey(kid: string, alg: "RS256" | "ES256" = "ES256"): TestKey {
  const { publicKey, privateKey } =
    alg === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  return { kid, alg, publicKey, privateKey, jwk };
}

/** Claims that are good at {@link NOW}, with changes; `undefined` takes one out. */
export function claimsOf(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const second = NOW / 1_000;
  return {
    iss: ISSUER,
    sub: "u-1",
    aud: "portreeve",
    iat: second - 10,
    exp: second + 300,
    email: "alice@example.com",
    groups: ["dba"],
    ...change,
  };
}

/** Signs by RFC 7515; `header` changes the header, whatever the key is. */
export function token(
  key: TestKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const input = `${encode({ alg: key.alg, kid: key.kid, ...header })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** The confusion of RFC 8725, 2.1: a public key used as the secret of an HMAC. */
export function hmacToken(key: TestKey, claims: Readonly<Record<string, unknown>>): string {
  const input = `${encode({ alg: "HS256", kid: key.kid })}.${encode(claims)}`;
  const secret = key.publicKey.export({ type: "spki", format: "pem" });
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

/** `alg: none`, in whichever spelling. */
export function unsignedToken(claims: Readonly<Record<string, unknown>>, alg = "none"): string {
  return `${encode({ alg })}.${encode(claims)}.`;
}

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** What an issuer answers on the network, changeable. */
export class TestIssuer {
  keys: readonly TestKey[];
  /** Requests so far. */
  asked = 0;
  /** Instead of an answer. */
  failure: Error | Answer | undefined;
  issuer = ISSUER;
  jwksUri = `${ISSUER}/keys`;

  constructor(...keys: readonly TestKey[]) {
    this.keys = keys;
  }

  readonly fetch = async (url: string): Promise<Answer> => {
    this.asked += 1;
    if (this.failure instanceof Error) throw this.failure;
    if (this.failure) return this.failure;
    const body = url.endsWith("/.well-known/openid-configuration")
      ? { issuer: this.issuer, jwks_uri: this.jwksUri }
      : { keys: this.keys.map(({ jwk }) => jwk) };
    return { status: 200, type: "application/json", text: JSON.stringify(body) };
  };
}
