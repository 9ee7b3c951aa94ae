import * as oidc from "openid-client";
import { CliError } from "../../exit.ts";
import type { ProviderIdentity } from "../contexts.ts";
import type { StoredCredential } from "../store/stored.ts";
import { openBrowser } from "./browser.ts";
import { openLanding } from "./landing.ts";
import { audienceParameters, explain, scopesFor } from "./provider.ts";
import { credentialFrom } from "./tokens.ts";

/** What a sign-in tells its person meanwhile. */
export type Tell = (line: string) => void;

/**
 * Authorization code with PKCE (RFC 7636) on loopback. The answer's `state`, `iss` (RFC 9207) and the ID token's `nonce`
 * are checked against what was asked.
 */
export async function signInWithCode(
  configuration: oidc.Configuration,
  identity: ProviderIdentity,
  open: boolean,
  tell: Tell,
): Promise<StoredCredential> {
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const verifier = oidc.randomPKCECodeVerifier();
  const scopes = scopesFor(identity, configuration);
  const landing = await openLanding(state);
  try {
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: landing.redirectUri,
      scope: scopes.join(" "),
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      // OpenID Connect Core, 11: without consent a provider ignores offline_access.
      ...(scopes.includes("offline_access") ? { prompt: "consent" } : {}),
      ...audienceParameters(identity),
    });
    tell(
      open
        ? `Signing in in your browser. If it does not open:\n  ${url}`
        : `Open this page to sign in:\n  ${url}`,
    );
    if (open) openBrowser(url);
    const arrived = await landing.arrival;
    const tokens = await oidc.authorizationCodeGrant(
      configuration,
      arrived,
      {
        pkceCodeVerifier: verifier,
        expectedState: state,
        ...(scopes.includes("openid") ? { expectedNonce: nonce, idTokenExpected: true } : {}),
      },
      audienceParameters(identity),
    );
    return credentialFrom(identity, tokens, Date.now());
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`login: ${identity.issuer} did not sign you in: ${explain(cause)}`, undefined, {
      cause,
    });
  } finally {
    landing.close();
  }
}
