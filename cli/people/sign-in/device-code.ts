import * as oidc from "openid-client";
import { CliError } from "../../exit.ts";
import type { ProviderIdentity } from "../contexts.ts";
import type { StoredCredential } from "../store/stored.ts";
import type { Tell } from "./authorization-code.ts";
import { audienceParameters, explain, scopesFor } from "./provider.ts";
import { credentialFrom } from "./tokens.ts";

/** Device code (RFC 8628): the browser is on another machine. */
export async function signInWithDevice(
  configuration: oidc.Configuration,
  identity: ProviderIdentity,
  tell: Tell,
): Promise<StoredCredential> {
  if (configuration.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CliError(
      `login: ${identity.issuer} has no device code. Sign in with --browser, on a machine with one`,
    );
  }
  try {
    const device = await oidc.initiateDeviceAuthorization(configuration, {
      scope: scopesFor(identity, configuration).join(" "),
      ...audienceParameters(identity),
    });
    const page = device.verification_uri_complete ?? device.verification_uri;
    tell(`Open this page on any device, and check that it shows the code ${device.user_code}:\n  ${page}`);
    const tokens = await oidc.pollDeviceAuthorizationGrant(
      configuration,
      device,
      audienceParameters(identity),
    );
    return credentialFrom(identity, tokens, Date.now());
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`login: ${identity.issuer} did not sign you in: ${explain(cause)}`, undefined, {
      cause,
    });
  }
}
