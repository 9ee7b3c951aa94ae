import * as z from "zod";
import { duration, name, path, trustDomain } from "./config-scalar.ts";

/** Whom the proxy believes about workload identities. */
export const trustSchema = z.strictObject({
  /** The estate's own SPIFFE trust domain. */
  trustDomain,
  /**
   * Former or parallel names of the own trust domain: a SPIFFE ID in an alias, vouched for by the own bundle, is
   * judged as the same identity in {@link trustSchema.trustDomain}. Istio's `trustDomainAliases`.
   * @default none
   */
  aliases: z.array(trustDomain).default([]),
  /**
   * One entry a trust domain, the own one and every federated one. The bundle of one domain never vouches for a name
   * of another (SPIFFE Federation, section 5). With `source: workloadApi` or `istiod` the own domain's bundle comes
   * from there, and its entry may be left out; an entry that is there counts instead.
   */
  bundles: z
    .array(
      z.strictObject({
        trustDomain,
        /** PEM file with the domain's CA certificates. Watched; a change re-judges live connections. */
        file: path,
      }),
    )
    .default([]),
});

/** A certificate chain and its private key, as PEM files. Watched and swapped without a failed handshake. */
export const keyPairSchema = z.strictObject({
  /** PEM file: the leaf first, then intermediates. */
  cert: path,
  /** PEM file: the private key. Never logged. */
  key: path,
});

/** Where the proxy's own identity comes from. */
export const certificateSchema = z.discriminatedUnion("source", [
  z.strictObject({
    /** Files that something else renews: cert-manager, istio-csr, a mounted Secret. */
    source: z.literal("files"),
    ...keyPairSchema.shape,
  }),
  z.strictObject({
    /** The SPIFFE Workload API: gRPC on a Unix socket (SPIRE agent and others). */
    source: z.literal("workloadApi"),
    /** Path of the socket. */
    socket: path,
    /** Which SVID to take when several are offered, by its `hint`. @default the first */
    hint: z.string().optional(),
  }),
  z.strictObject({
    /** istiod's CA: the proxy becomes a mesh workload of its own, without a sidecar. */
    source: z.literal("istiod"),
    /** `host:port` of istiod's CA service. @default istiod.istio-system.svc:15012 */
    address: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, "expected host:port")
      .default("istiod.istio-system.svc:15012"),
    /** The name that istiod's certificate must have; needed when `address` is an IP. @default the host of `address` */
    serverName: z.string().min(1).optional(),
    /** Root that istiod's own certificate must chain to. */
    ca: path,
    /** Projected service-account token with audience `istio-ca`. */
    token: path,
    /** `CLUSTER_ID` that istiod was started with. @default Kubernetes */
    clusterId: z.string().default("Kubernetes"),
    /** Lifetime asked for. @default 24h */
    lifetime: duration.default(86_400_000),
  }),
]);

/** Who vouches for people. `name` is the first half of a user or group key: `okta:alice@example.com`. */
export const identityProvidersSchema = z.strictObject({
  oidc: z
    .array(
      z.strictObject({
        name,
        /** The `iss` claim, compared exactly; its discovery document gives the keys unless `jwksFile` is set. */
        issuer: z
          .url()
          .regex(
            /^https:\/\/|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/,
            "an issuer starts with https:// (http:// only on loopback)",
          ),
        /** A token must carry one of these in `aud`. */
        audiences: z.array(z.string().min(1)).min(1),
        /**
         * Clients whose tokens count, by `azp`, or `client_id` of an access token. Needed when tokens have several
         * audiences. @default any client of the issuer
         */
        clients: z.array(z.string().min(1)).default([]),
        /** PEM file of the CA that the issuer's own certificate chains to. @default the public CAs */
        ca: path.optional(),
        /** JWKS from a file instead of the issuer's `jwks_uri`: air-gapped clusters, tests. */
        jwksFile: path.optional(),
        /** Signature algorithms accepted; never `none`, never symmetric ones. @default RS256, ES256 */
        algorithms: z
          .array(z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]))
          .min(1)
          .default(["RS256", "ES256"]),
        /** The claim that names the user. @default email */
        userClaim: z.string().default("email"),
        /** The claim that lists the user's groups. @default groups */
        groupsClaim: z.string().default("groups"),
        /** Clock difference tolerated on `exp` and `nbf`. @default 60s */
        clockSkew: duration.default(60_000),
        /** A connection lives this much longer than the token it was opened with. @default 30s */
        grace: duration.default(30_000),
      }),
    )
    .default([]),
  aws: z
    .array(
      z.strictObject({
        name,
        /** Accounts whose roles are accepted. */
        accounts: z.array(z.string().regex(/^\d{12}$/, "expected a 12-digit AWS account")).min(1),
        /** The regional STS endpoint host that a signed request must name; the proxy calls no other. */
        endpoint: z
          .string()
          .max(253)
          .regex(
            /^sts(-fips)?\.[a-z]{2,}(-[a-z]+)+-\d+\.[a-z0-9.-]+$/,
            "expected a regional STS endpoint such as sts.eu-west-1.amazonaws.com",
          ),
        /** Value that the signed header `x-portreeve-audience` must have, so that a request meant for another is no use here. */
        audience: z.string().min(1),
        /** How long after signing a request may be used. @default 15m, which is also STS's own bound */
        maxAge: duration
          .refine((age) => age <= 900_000, "at most 15m: STS itself takes no older one")
          .default(900_000),
        /** How far ahead of the proxy's clock a request may be dated. @default 30s */
        clockSkew: duration.default(30_000),
        /** How long after signing a connection ends: of the session behind the request STS tells no end. @default 15m */
        session: duration.default(900_000),
        /** A connection lives this much longer. @default 30s */
        grace: duration.default(30_000),
        /** Called instead of `https://ENDPOINT/`: an emulator on loopback, for tests and development. */
        stsUrl: z
          .url()
          .regex(/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?\/?$/, "only an emulator on loopback")
          .optional(),
      }),
    )
    .default([]),
});
