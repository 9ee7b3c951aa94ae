import { trust } from "../../../load/object.ts";
import type { TrustSpecInput } from "../../../schema/index.ts";

/** The Trust of tests about the proxy's own logins: a cluster whose roles are known, and people. */
export function loginEstate(rest: Partial<TrustSpecInput> = {}) {
  return trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [
      {
        name: "prod",
        dataPlane: "sidecar",
        istioVersion: "1.31",
        eks: { name: "prod", account: "111122223333", region: "eu-central-1" },
      },
    ],
    identityProviders: {
      oidc: [{ name: "okta", issuer: "https://okta.example.com", audiences: ["portreeve"] }],
    },
    ...rest,
  });
}
