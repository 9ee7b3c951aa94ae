import type { Model } from "../../model/types.ts";
import type { ProxyConfigInput } from "./config.ts";
import { proxyDuration } from "./scalar.ts";

type IdentityProviders = NonNullable<ProxyConfigInput["identityProviders"]>;

/**
 * Who vouches for people and roles. An AWS account becomes an entry a region: a signed request names one regional STS
 * endpoint, and the proxy calls no other.
 */
export function proxyIdentityProviders(model: Model): IdentityProviders {
  const { oidc, aws } = model.trust.spec.identityProviders;
  return {
    ...(oidc.length > 0 && {
      oidc: oidc.map((provider) => ({
        name: provider.name,
        issuer: provider.issuer,
        audiences: [...provider.audiences],
        ...(provider.clients.length > 0 && { clients: [...provider.clients] }),
        ...(provider.ca !== undefined && { ca: provider.ca }),
        algorithms: [...provider.algorithms],
        userClaim: provider.claims.user,
        groupsClaim: provider.claims.groups,
        clockSkew: proxyDuration(provider.clockSkew),
        grace: proxyDuration(provider.grace),
      })),
    }),
    ...(aws.length > 0 && {
      aws: aws.flatMap((provider) =>
        provider.regions.map((region) => ({
          name: provider.name,
          accounts: [provider.account],
          endpoint: `sts.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`,
          audience: provider.audience,
          session: proxyDuration(provider.session),
        })),
      ),
    }),
  };
}
