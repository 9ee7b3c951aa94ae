import { readFileSync } from "node:fs";
import * as oidc from "openid-client";
import { CliError } from "../../exit.ts";
import type { ProviderIdentity } from "../contexts.ts";
import { messageOf } from "../private-file.ts";

const TIMEOUT_SECONDS = 15;
const USUAL_SCOPES = ["openid", "profile", "email", "groups", "offline_access"];

/**
 * The provider as its discovery document describes it, with this client's way to authenticate.
 *
 * @throws CliError when it cannot be reached, or its document names another issuer
 */
export async function discover(identity: ProviderIdentity): Promise<oidc.Configuration> {
  const server = new URL(identity.issuer);
  const secret = secretOf(identity);
  const auth = secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret);
  // Contexts allow http only on loopback, where nobody else listens; without it no test or demo could have a provider.
  const execute = server.protocol === "http:" ? [oidc.allowInsecureRequests] : [];
  try {
    return await oidc.discovery(server, identity.clientId, undefined, auth, {
      execute,
      timeout: TIMEOUT_SECONDS,
    });
  } catch (cause) {
    throw new CliError(`${identity.issuer} cannot be used as a provider: ${explain(cause)}`, undefined, {
      cause,
    });
  }
}

function secretOf({ secretFile, secretEnv }: ProviderIdentity): string | undefined {
  if (secretFile !== undefined) return readToken(secretFile, "the client's secret");
  if (secretEnv === undefined) return undefined;
  const value = process.env[secretEnv];
  if (value === undefined || value === "") throw new CliError(`the client's secret: ${secretEnv} is not set`);
  return value;
}

/** What a file holds, without the line end that editors add. @throws CliError when it cannot be read or is empty */
export function readToken(path: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new CliError(`${what}: ${path} cannot be read: ${messageOf(cause)}`, undefined, { cause });
  }
  if (text === "") throw new CliError(`${what}: ${path} is empty`);
  return text;
}

/** Parameters that every request for a token has in common. */
export function audienceParameters({ resource, audience }: ProviderIdentity): Record<string, string> {
  return { ...(resource === undefined ? {} : { resource }), ...(audience === undefined ? {} : { audience }) };
}

/** The scopes of a person's sign-in: those of the context, or the usual ones that the provider says it has. */
export function scopesFor(identity: ProviderIdentity, configuration: oidc.Configuration): readonly string[] {
  if (identity.scopes) return identity.scopes;
  const supported = configuration.serverMetadata().scopes_supported;
  if (!supported) return ["openid"];
  return USUAL_SCOPES.filter((scope) => scope === "openid" || supported.includes(scope));
}

/** What went wrong at the provider, in its own words where it has some. */
export function explain(error: unknown): string {
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError) {
    return `${error.error}${error.error_description === undefined ? "" : `: ${error.error_description}`}`;
  }
  const message = messageOf(error);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message !== message ? `${message} (${cause.message})` : message;
}
