import type { ExtensionProvider, ExternalAuthorizer } from "../objects.ts";

/**
 * What istiod makes of a CUSTOM policy's provider for a TCP port (pilot/pkg/security/authz/builder/extauthz.go).
 * `broken`: every rule of the policy becomes a DENY rule. `skipped`: an HTTP authorizer cannot be asked about TCP; the
 * policy does nothing.
 */
export type ProviderState =
  | { readonly state: "asked" }
  | { readonly state: "skipped" }
  | { readonly state: "broken"; readonly why: string };

/**
 * Whether istiod can resolve the authorizer's service is not looked at: services are no part of a policy set. When it
 * cannot, the provider is broken.
 */
export function providerState(name: string, providers: readonly ExtensionProvider[]): ProviderState {
  // Other kinds of provider (tracing, access logs) are not looked at, so their names do not clash with these.
  const named = providers.filter(
    (provider) => provider.name === name && authorizerOf(provider) !== undefined,
  );
  const [provider] = named;
  if (provider === undefined) {
    return { state: "broken", why: "no such external authorizer in meshConfig.extensionProviders" };
  }
  if (named.length > 1) return { state: "broken", why: "several extension providers have this name" };
  const authorizer = authorizerOf(provider);
  if (!isProviderName(name)) {
    return { state: "broken", why: "the name is not 1 to 63 lower-case letters, digits and inner hyphens" };
  }
  if (authorizer === undefined || (authorizer.service ?? "") === "") {
    return { state: "broken", why: "it names no service" };
  }
  const port = authorizer.port ?? 0;
  if (port < 1 || port > 65535) return { state: "broken", why: `${port} is not a port` };
  return { state: provider.envoyExtAuthzGrpc === undefined ? "skipped" : "asked" };
}

function authorizerOf(provider: ExtensionProvider): ExternalAuthorizer | undefined {
  return provider.envoyExtAuthzGrpc ?? provider.envoyExtAuthzHttp;
}

function isProviderName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}
