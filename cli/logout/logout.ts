import * as oidc from "openid-client";
import { type Context, chooseContext, forgetContext, type ProviderIdentity } from "../people/contexts.ts";
import { messageOf } from "../people/private-file.ts";
import { discover, explain } from "../people/sign-in/provider.ts";
import { openStore } from "../people/store/store.ts";
import { parseStored } from "../people/store/stored.ts";

/**
 * Ends a sign-in: revokes the refresh token where the provider has a revocation endpoint (RFC 7009), and deletes what is
 * kept, also when the provider cannot be reached.
 *
 * @returns what was done, a line each
 */
export async function logout(contextName: string | undefined, forget: boolean): Promise<string[]> {
  const context = chooseContext(contextName);
  const lines = await endSignIn(context);
  if (forget) {
    await forgetContext(context.name);
    lines.push(`context ${context.name} is removed`);
  }
  return lines;
}

async function endSignIn({ name, identity }: Context): Promise<string[]> {
  if (identity.type === "aws" || identity.type === "token-file") {
    return [`nothing is kept for ${name}: its credential is not Portreeve's`];
  }
  const store = await openStore();
  const stored = parseStored(store.read(name) ?? "");
  store.remove(name);
  if (!stored) return [`you were not signed in to ${name}`];
  const lines = [`signed out of ${name}`];
  // The token may be of a provider that the context had before; a token is only ever sent to whom it came from.
  if (stored.refreshToken !== undefined && stored.issuer === identity.issuer) {
    lines.push(await revoke(identity, stored.refreshToken));
  }
  return lines;
}

async function revoke(identity: ProviderIdentity, refreshToken: string): Promise<string> {
  try {
    const configuration = await discover(identity);
    if (configuration.serverMetadata().revocation_endpoint === undefined) {
      return `${identity.issuer} has no revocation: the refresh token ends by itself`;
    }
    await oidc.tokenRevocation(configuration, refreshToken, { token_type_hint: "refresh_token" });
    return `${identity.issuer} has revoked the refresh token`;
  } catch (error) {
    const why = error instanceof Error && error.name === "CliError" ? messageOf(error) : explain(error);
    return `warning: the refresh token is not revoked at the provider: ${why}`;
  }
}
