import { createHash } from "node:crypto";
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import type { ProxyIdentityProviders } from "../../policy/compile/proxy/config.ts";
import { type Credential, type Outcome, Refused, refused } from "./credential.ts";
import type { KeySet } from "./key-set.ts";
import { readSubject } from "./token-claims.ts";

export type OidcProvider = ProxyIdentityProviders["oidc"][number];

export const MAX_TOKEN = 16 * 1024;
/** RFC 9068 for access tokens; ID tokens and many access tokens say `JWT` or nothing. A logout token says `logout+jwt`. */
const TYPES: readonly (string | undefined)[] = [
  undefined,
  "jwt",
  "at+jwt",
  "application/at+jwt",
  "application/jwt",
];

/** The last instant of JavaScript's calendar (ECMA-262, 21.4.1.1): of a later one no record can be written. */
const LAST_INSTANT = 8_640_000_000_000_000;

/** What verifying a token depends on besides itself. */
export interface OidcWorld {
  readonly keys: KeySet;
  /** Name of the agent with this `provider:subject`. */
  readonly agentOf: (subject: string) => string | undefined;
  /** A deny names groups of this provider. */
  readonly needsGroups: boolean;
  /** DER of the client certificate on the connection, for tokens that are bound to one. */
  readonly certificate: Uint8Array | undefined;
}

/**
 * Verifies a token of a provider: RFC 7519 and 8725, OpenID Connect Core 3.1.3.7, RFC 9068 section 4.
 *
 * @param at epoch milliseconds
 */
export async function verifyToken(
  token: string,
  provider: OidcProvider,
  world: OidcWorld,
  at: number,
): Promise<Outcome> {
  try {
    return { ok: true, credential: await verify(token, provider, world, at) };
  } catch (error) {
    if (error instanceof Refused) return refused(error.refusal, error.message, provider.name);
    return { ...fromJose(error, provider), provider: provider.name };
  }
}

async function verify(
  token: string,
  provider: OidcProvider,
  world: OidcWorld,
  at: number,
): Promise<Credential> {
  checkHeader(decodeProtectedHeader(token), provider);
  const skew = provider.clockSkew / 1_000;
  const { payload } = await jwtVerify(token, (header) => world.keys.key(header), {
    issuer: provider.issuer,
    audience: [...provider.audiences],
    algorithms: [...provider.algorithms],
    clockTolerance: skew,
    currentDate: new Date(at),
    requiredClaims: ["sub", "exp"],
  });
  const { exp = 0, iat } = payload;
  // Not said by RFC 7519, but a token from the future is one of a clock, or a liar, that is not to be trusted on `exp` either.
  if (iat !== undefined && iat > at / 1_000 + skew)
    throw new Refused("not-yet-valid", "the token is dated in the future");
  if ("events" in payload) throw new Refused("type", "this is a logout or event token, not one for access");
  const client = checkClient(payload, provider);
  checkBinding(payload, world.certificate);
  const { person, actor, saysGroups } = readSubject(
    payload,
    provider.name,
    provider,
    (subject) => world.agentOf(subject) !== undefined,
    world.needsGroups,
  );
  const expires = exp * 1_000;
  if (!Number.isSafeInteger(expires) || expires > LAST_INSTANT)
    throw new Refused("claims", "the claim `exp` is no instant");
  return {
    kind: "oidc",
    provider: provider.name,
    issuer: provider.issuer,
    person,
    agent: actor === undefined ? undefined : (world.agentOf(actor) ?? actor),
    session: undefined,
    accepted: { audiences: audiencesOf(payload), client, saysGroups },
    expires,
    // Whoever is let in within the tolerance must not be shown out at once.
    until: expires + Math.max(provider.grace, provider.clockSkew),
  };
}

function checkHeader({ alg, typ }: ProtectedHeaderParameters, { algorithms }: OidcProvider): void {
  // Judged before a key is looked for: `none` and HMAC have none, and a public key is no secret.
  if (!algorithms.some((accepted) => accepted === alg)) {
    throw new Refused(
      "algorithm",
      `the token's signature algorithm is not accepted; accepted: ${algorithms.join(", ")}`,
    );
  }
  if (!TYPES.includes(typ?.toLowerCase()))
    throw new Refused("type", "this type of token is not accepted for access");
}

/** Whose token it is: the client that it was issued to. */
function checkClient(payload: JWTPayload, { clients, audiences, name }: OidcProvider): string | undefined {
  const client = [payload["azp"], payload["client_id"], payload["appid"], payload["cid"]].find(
    (value) => typeof value === "string",
  );
  const known = typeof client === "string" ? client : undefined;
  if (clients.length > 0) {
    // An ID token for one audience is for the client itself.
    const named = known ?? (typeof payload.aud === "string" ? payload.aud : undefined);
    if (named === undefined || !clients.includes(named)) {
      throw new Refused("client", "the token was issued to a client that is not accepted here");
    }
    return named;
  }
  if (audiencesOf(payload).length > 1 && (known === undefined || !audiences.includes(known))) {
    throw new Refused(
      "client",
      `the token has several audiences: the provider ${name} needs \`clients\` to say which clients' tokens count`,
    );
  }
  return known;
}

/** A token that is bound to a key is no use without it (RFC 8705, 3.1; RFC 9449, 7.1). */
function checkBinding({ cnf }: JWTPayload, certificate: Uint8Array | undefined): void {
  if (cnf === undefined) return;
  const thumbprint =
    typeof cnf === "object" && cnf !== null && "x5t#S256" in cnf ? cnf["x5t#S256"] : undefined;
  if (thumbprint === undefined) {
    throw new Refused(
      "bound-to-key",
      "the token is bound to a key in a way that is not supported here; ask for a bearer token",
    );
  }
  const shown = certificate && createHash("sha256").update(certificate).digest("base64url");
  if (shown === undefined || shown !== thumbprint) {
    throw new Refused(
      "bound-to-key",
      "the token is bound to a certificate that this connection does not show",
    );
  }
}

function audiencesOf({ aud }: JWTPayload): readonly string[] {
  return aud === undefined ? [] : typeof aud === "string" ? [aud] : aud;
}

function fromJose(error: unknown, provider: OidcProvider): Outcome & { ok: false } {
  if (error instanceof errors.JWTExpired) return refused("expired", "the token has expired; sign in again");
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case "nbf":
        return refused("not-yet-valid", "the token is not valid yet");
      case "aud":
        return refused(
          "audience",
          `the token is for another audience; expected ${provider.audiences.join(" or ")}`,
        );
      case "iss":
        return refused("no-provider", "the token is of another issuer");
      default:
        return refused("claims", `the claim \`${error.claim}\` is missing or wrong`);
    }
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refused("signature", "the token's signature is not the issuer's");
  }
  if (error instanceof errors.JOSEAlgNotAllowed)
    return refused("algorithm", "the token's algorithm is not accepted");
  if (error instanceof errors.JOSENotSupported)
    return refused("malformed", "the token asks for what is not supported here");
  return refused("malformed", "this is not a signed token (JWT)");
}
