import type * as oidc from "openid-client";
import { CliError } from "../../exit.ts";
import type { ProviderIdentity } from "../contexts.ts";
import { claimsOf } from "../jwt.ts";
import type { StoredCredential } from "../store/stored.ts";

export type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

/**
 * What is kept of a provider's answer.
 *
 * @param before the refresh token that was used, for providers that do not give another one
 * @throws CliError when the token cannot be what a proxy verifies
 */
export function credentialFrom(
  identity: ProviderIdentity,
  tokens: Tokens,
  now: number,
  before?: string,
): StoredCredential {
  const token = identity.present === "id-token" ? tokens.id_token : tokens.access_token;
  const claims = token === undefined ? undefined : claimsOf(token);
  if (token === undefined || claims === undefined) {
    throw new CliError(
      identity.present === "id-token"
        ? `${identity.issuer} gave no ID token; ask for the scope openid (--scope)`
        : `${identity.issuer} gives access tokens that only it can read, and the proxy has to verify them.\n` +
            "Ask for one that is made for the proxy (--resource or --audience), or show the ID token: --present id-token",
    );
  }
  const seconds = tokens.expiresIn();
  const expires =
    claims.expires ??
    (identity.present === "access-token" && seconds !== undefined ? now + seconds * 1000 : undefined);
  const refreshToken = tokens.refresh_token ?? before;
  return {
    version: 1,
    issuer: identity.issuer,
    clientId: identity.clientId,
    token,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(expires === undefined ? {} : { expires: new Date(expires).toISOString() }),
  };
}
