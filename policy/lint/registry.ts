import { otherRules } from "./other-rules.ts";
import type { LintRule, RuleInfo } from "./rule.ts";
import { addressCollision } from "./rules/address-collision.ts";
import { agentExpiry } from "./rules/agent-expiry.ts";
import { bypassedPort } from "./rules/bypassed-port.ts";
import { catchAllResolution } from "./rules/catch-all-resolution.ts";
import { certificateLifetime } from "./rules/certificate-lifetime.ts";
import { expiredGrant } from "./rules/expired-grant.ts";
import { exportToAll } from "./rules/export-to-all.ts";
import { grantDuration } from "./rules/grant-duration.ts";
import { hostCollision } from "./rules/host-collision.ts";
import { plaintext } from "./rules/plaintext.ts";
import { repeatedGrant } from "./rules/repeated-grant.ts";
import { serverFirst } from "./rules/server-first.ts";
import { shadowedGrant } from "./rules/shadowed-grant.ts";
import { sharedPort } from "./rules/shared-port.ts";
import { unownedGrant } from "./rules/unowned-grant.ts";
import { unreachableGrant } from "./rules/unreachable-grant.ts";
import { unreachableService } from "./rules/unreachable-service.ts";
import { virtualAddressRange } from "./rules/virtual-address-range.ts";
import { wideCidr } from "./rules/wide-cidr.ts";
import { wildcardHost } from "./rules/wildcard-host.ts";
import { workloadWithoutGroup } from "./rules/workload-without-group.ts";
import { EXPIRED_WAIVER, UNUSED_WAIVER, USELESS_WAIVER } from "./waiver-rules.ts";

/** The guardrails, in the order of their ids. */
export const guardrails: readonly LintRule[] = [
  wildcardHost,
  catchAllResolution,
  wideCidr,
  exportToAll,
  virtualAddressRange,
  serverFirst,
  hostCollision,
  addressCollision,
  workloadWithoutGroup,
  agentExpiry,
  certificateLifetime,
  expiredGrant,
  unownedGrant,
  grantDuration,
  unreachableGrant,
  shadowedGrant,
  repeatedGrant,
  unreachableService,
  plaintext,
  bypassedPort,
  sharedPort,
];

/** Every rule id that a finding may carry, guardrail or not. An id is given once, and never again for something else. */
export const ruleInfo: ReadonlyMap<string, RuleInfo> = new Map(
  [...otherRules, ...guardrails, EXPIRED_WAIVER, USELESS_WAIVER, UNUSED_WAIVER]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((rule) => [rule.id, rule]),
);
