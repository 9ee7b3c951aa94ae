import { z } from "zod";
import { awsAccount, awsRegion, duration, name, text } from "./primitives.ts";

/** An OpenID Connect issuer of people and agents. */
export const oidcProvider = z.strictObject({
  name: name.describe("Name that groups and users are qualified with, e.g. `okta` in okta:dba."),
  issuer: z
    .string()
    .regex(
      /^https:\/\/|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/,
      "an OIDC issuer starts with https:// (http:// only on loopback)",
    )
    .describe("Issuer URL, compared exactly with the token's `iss`."),
  audiences: z
    .array(text)
    .min(1, "name at least one audience: a token for anybody is a token for everybody")
    .describe("Accepted `aud` values."),
  clients: z
    .array(text)
    .default([])
    .describe(
      "Clients whose tokens count, by `azp` or `client_id`. Needed where a token has several audiences. @default any client of the issuer",
    ),
  claims: z
    .strictObject({
      user: text.default("email").describe("Claim that names the user."),
      groups: text.default("groups").describe("Claim that lists the user's groups."),
    })
    .default({ user: "email", groups: "groups" })
    .describe("Which claims say who it is."),
  algorithms: z
    .array(z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]))
    .min(1)
    .default(["RS256", "ES256"])
    .describe("Accepted signature algorithms; `none` and HMAC never are."),
  clockSkew: duration.default("30s").describe("Tolerance for `exp`, `nbf` and `iat`."),
  grace: duration
    .default("30s")
    .describe(
      "How much longer than its token a connection lives, so that a client can come back with a new one.",
    ),
  ca: text
    .optional()
    .describe(
      "Path of the PEM file, as mounted into the proxy, with the CA of an issuer that no public CA vouches for. @default the public CAs",
    ),
});

/** An AWS account whose IAM roles may identify themselves. */
export const awsProvider = z.strictObject({
  name: name.describe("Name of the account in messages."),
  account: awsAccount.describe("AWS account whose roles may identify themselves."),
  regions: z
    .array(awsRegion)
    .min(1, "name at least one region")
    .describe("Regions whose STS endpoint may be asked."),
  audience: text
    .default("portreeve")
    .describe(
      "Value of the signed header `x-portreeve-audience`, so that a request signed for another estate is no use here; give each estate its own.",
    ),
  session: duration
    .default("15m")
    .describe(
      "How long after signing a connection ends: STS does not tell when the session behind a request ends.",
    ),
});
