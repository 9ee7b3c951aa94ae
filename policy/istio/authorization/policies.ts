import type { AuthorizationPolicy, PeerAuthentication, SecurityPolicy } from "../objects.ts";
import type { PeerTest } from "./rule-sidecar.ts";
import type { DecidedBy } from "./types.ts";

/** A rule that a proxy holds. */
export interface HeldRule {
  readonly by: DecidedBy;
  readonly test: PeerTest;
}

export function authorizationPolicies(policies: readonly SecurityPolicy[]): readonly AuthorizationPolicy[] {
  return policies.filter((policy) => policy.kind === "AuthorizationPolicy");
}

export function peerAuthentications(policies: readonly SecurityPolicy[]): readonly PeerAuthentication[] {
  return policies.filter((policy) => policy.kind === "PeerAuthentication");
}
