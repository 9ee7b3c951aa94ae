import * as oidc from "openid-client";
import { CliError } from "../../exit.ts";
import type { ProviderIdentity } from "../contexts.ts";
import type { StoredCredential } from "../store/stored.ts";
import { audienceParameters, discover, explain } from "./provider.ts";
import { credentialFrom } from "./tokens.ts";

/**
 * The next token by refresh token.
 *
 * @throws CliError when the provider gives none: the sign-in has ended, or the person's account has
 */
export async function renew(
  identity: ProviderIdentity,
  refreshToken: string,
  contextName: string,
): Promise<StoredCredential> {
  const configuration = await discover(identity);
  try {
    const tokens = await oidc.refreshTokenGrant(configuration, refreshToken, audienceParameters(identity));
    return credentialFrom(identity, tokens, Date.now(), refreshToken);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    const why = `${identity.issuer} does not renew your sign-in: ${explain(cause)}`;
    const over = cause instanceof oidc.ResponseBodyError && cause.error === "invalid_grant";
    throw new CliError(over ? `${why}\nRun: portreeve login --context ${contextName}` : why, undefined, {
      cause,
    });
  }
}
