import * as oidc from "openid-client";
import type { ProviderIdentity } from "../contexts.ts";
import type { StoredCredential } from "../store/stored.ts";
import { audienceParameters } from "./provider.ts";
import { credentialFrom } from "./tokens.ts";

/** Client credentials (RFC 6749, 4.4): a script or agent that is a client of the provider itself. */
export async function clientToken(
  configuration: oidc.Configuration,
  identity: ProviderIdentity,
): Promise<StoredCredential> {
  const tokens = await oidc.clientCredentialsGrant(configuration, {
    ...(identity.scopes ? { scope: identity.scopes.join(" ") } : {}),
    ...audienceParameters(identity),
  });
  return credentialFrom(identity, tokens, Date.now());
}
