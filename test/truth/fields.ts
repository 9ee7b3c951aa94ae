/** The fields and condition keys of a rule, by what each data plane can do with them on TCP. */

/** Both data planes enforce these. */
export const EVERYWHERE = [
  "principals",
  "notPrincipals",
  "namespaces",
  "notNamespaces",
  "serviceAccounts",
  "notServiceAccounts",
  "ipBlocks",
  "notIpBlocks",
  "ports",
  "notPorts",
  "when source.ip",
  "when not source.ip",
  "when source.namespace",
  "when not source.namespace",
  "when source.principal",
  "when not source.principal",
  "when destination.ip",
  "when not destination.ip",
  "when destination.port",
  "when not destination.port",
] as const;

/** A sidecar enforces these; ztunnel treats them as HTTP attributes. */
export const SIDECAR_ONLY = [
  "remoteIpBlocks",
  "notRemoteIpBlocks",
  "when remote.ip",
  "when not remote.ip",
  "when connection.sni",
  "when not connection.sni",
  "when source.serviceAccount",
  "when not source.serviceAccount",
  "when source.trustDomain",
  "when not source.trustDomain",
] as const;

/** A sidecar enforces these; ztunnel does not read them. */
export const SIDECAR_READ = ["trustDomains", "notTrustDomains"] as const;

export const HTTP_ONLY = [
  "requestPrincipals",
  "notRequestPrincipals",
  "hosts",
  "notHosts",
  "methods",
  "notMethods",
  "paths",
  "notPaths",
  "when request.headers[x-user]",
  "when request.auth.principal",
  "when request.auth.audiences",
  "when request.auth.presenter",
  "when request.auth.claims[group]",
] as const;
