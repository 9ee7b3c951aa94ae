import * as oidc from "openid-client";
import { CliError } from "../../exit.ts";
import type { Identity } from "../contexts.ts";
import { claimsOf } from "../jwt.ts";
import type { StoredCredential } from "../store/stored.ts";
import { audienceParameters, readToken } from "./provider.ts";
import { credentialFrom } from "./tokens.ts";

const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const JWT = "urn:ietf:params:oauth:token-type:jwt";

/**
 * Token exchange (RFC 8693): the provider makes one token that names the person as `sub` and the agent as `act.sub`.
 *
 * @throws CliError when the token does not name an agent: it would be the person's own, and the agent could do with it
 *   all that the person may
 */
export async function exchangedToken(
  configuration: oidc.Configuration,
  identity: Extract<Identity, { readonly type: "token-exchange" }>,
): Promise<StoredCredential> {
  const actor = identity.actorTokenFile;
  const tokens = await oidc.genericGrantRequest(configuration, GRANT, {
    subject_token: readToken(identity.subjectTokenFile, "the person's token"),
    subject_token_type: ACCESS_TOKEN,
    requested_token_type: ACCESS_TOKEN,
    ...(actor === undefined
      ? {}
      : { actor_token: readToken(actor, "the agent's token"), actor_token_type: JWT }),
    ...(identity.scopes ? { scope: identity.scopes.join(" ") } : {}),
    ...audienceParameters(identity),
  });
  const credential = credentialFrom(identity, tokens, Date.now());
  if (claimsOf(credential.token)?.actor === undefined) {
    throw new CliError(
      `${identity.issuer} exchanged the token for one without an \`act\` claim: it is the person's own, and names no agent.\n` +
        "It is not used. Have the provider add `act` for this client (RFC 8693, 4.1).",
    );
  }
  return credential;
}
