import { compareText } from "../finding.ts";
import { awsRules } from "./elsewhere/aws.ts";
import { grantRules } from "./elsewhere/grants.ts";
import { meshRules } from "./elsewhere/mesh.ts";
import { meshObjectRules } from "./elsewhere/mesh-objects.ts";
import { routingRules } from "./elsewhere/routing.ts";
import { schemaRules } from "./elsewhere/schema.ts";
import { stackRules } from "./elsewhere/stacks.ts";
import type { LintRule, RuleInfo } from "./rule.ts";
import { addressCollision } from "./rules/address-collision.ts";
import { agentExpiry } from "./rules/agent-expiry.ts";
import { awsBoundary } from "./rules/aws-boundary.ts";
import { awsDocumentRules } from "./rules/aws-documents.ts";
import { awsForeignSubject } from "./rules/aws-foreign-subject.ts";
import { awsLongSession } from "./rules/aws-long-session.ts";
import { awsNarrowerThanMesh } from "./rules/aws-narrower-than-mesh.ts";
import { awsSharedRole } from "./rules/aws-shared-role.ts";
import { awsUnusedRole } from "./rules/aws-unused-role.ts";
import { awsWiderThanMesh } from "./rules/aws-wider-than-mesh.ts";
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
export const guardrails: readonly LintRule[] = byId([
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
  ...awsDocumentRules,
  awsForeignSubject,
  awsBoundary,
  awsLongSession,
  awsSharedRole,
  awsUnusedRole,
  awsWiderThanMesh,
  awsNarrowerThanMesh,
]);

/**
 * Every rule id that a finding may carry, guardrail or not; `elsewhere/` has those that are found outside of lint. An id is
 * given once, and never again for something else.
 */
export const ruleInfo: ReadonlyMap<string, RuleInfo> = new Map(
  byId<RuleInfo>([
    ...schemaRules,
    ...routingRules,
    ...grantRules,
    ...meshRules,
    ...meshObjectRules,
    ...awsRules,
    ...stackRules,
    ...guardrails,
    EXPIRED_WAIVER,
    USELESS_WAIVER,
    UNUSED_WAIVER,
  ]).map((rule) => [rule.id, rule]),
);

function byId<T extends RuleInfo>(rules: readonly T[]): T[] {
  return [...rules].sort((a, b) => compareText(a.id, b.id));
}
