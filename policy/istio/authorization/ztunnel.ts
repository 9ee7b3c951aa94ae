import { compareText } from "../../finding.ts";
import type { AuthorizationPolicy } from "../objects.ts";
import {
  dryRunNote,
  emptySelectorNote,
  noRulesNote,
  ruleNotes,
  targetNote,
  unlabelledNote,
  unsupportedActionNote,
} from "./notes.ts";
import { toPeer } from "./peer.ts";
import { ztunnelPlaintext } from "./peer-authentication-ztunnel.ts";
import { authorizationPolicies, type HeldRule, peerAuthentications } from "./policies.ts";
import { compileZtunnelRule } from "./rule-ztunnel.ts";
import { inScope, isDryRun, nameOf, namespaceOf, targetsOf, ztunnelScope } from "./select.ts";
import type { IstioVerdict, Judge, PolicySet } from "./types.ts";

const SCOPE_ORDER = ["namespace", "global", "selector"] as const;

/**
 * Compiles the policies that istiod would send to the workload's ztunnel, in the order in which ztunnel looks at them
 * (`assert_rbac` in ztunnel src/state.rs): DENY, then, if there is an ALLOW policy at all, ALLOW. Within the namespace
 * and the mesh ztunnel has no order of its own; here it is by name.
 */
export function compileZtunnel(set: PolicySet): Judge {
  const { workload } = set;
  const notes: string[] = [];
  const deny: AuthorizationPolicy[] = [];
  const allow: AuthorizationPolicy[] = [];
  for (const policy of attached(set, notes)) {
    const action = policy.spec?.action ?? "ALLOW";
    if (isDryRun(policy)) notes.push(dryRunNote(policy));
    else if (action === "ALLOW") allow.push(policy);
    else if (action === "DENY") deny.push(policy);
    else notes.push(unsupportedActionNote(policy));
  }
  const denyRules = deny.flatMap((policy) => heldRules(policy, "DENY", notes));
  const allowRules = allow.flatMap((policy) => heldRules(policy, "ALLOW", notes));
  const refusal = ztunnelPlaintext(peerAuthentications(set.policies), workload);

  return (connection): IstioVerdict => {
    const peer = toPeer(connection);
    const denied = denyRules.find((rule) => rule.test(peer));
    if (denied) return { verdict: "deny", by: denied.by, notes };
    const strict = peer.principal === "" ? refusal(peer.port) : undefined;
    if (strict !== undefined) {
      const note = `plaintext refused: PeerAuthentication ${strict} is STRICT for port ${peer.port}`;
      return { verdict: "deny", by: null, notes: [...notes, note] };
    }
    if (allow.length === 0) return { verdict: "allow", by: null, notes };
    const allowed = allowRules.find((rule) => rule.test(peer));
    return { verdict: allowed ? "allow" : "deny", by: allowed?.by ?? null, notes };
  };
}

function attached(set: PolicySet, notes: string[]): readonly AuthorizationPolicy[] {
  const { workload } = set;
  const found = authorizationPolicies(set.policies).flatMap((policy) => {
    const scope = ztunnelScope(policy, workload);
    if (scope === undefined) {
      noteUnattached(policy, set, notes);
      return [];
    }
    return [{ policy, scope }];
  });
  return found
    .sort(
      (a, b) =>
        SCOPE_ORDER.indexOf(a.scope) - SCOPE_ORDER.indexOf(b.scope) ||
        compareText(nameOf(a.policy), nameOf(b.policy)),
    )
    .map(({ policy }) => policy);
}

function noteUnattached(policy: AuthorizationPolicy, { workload }: PolicySet, notes: string[]): void {
  if (!inScope(policy, workload)) return;
  if (targetsOf(policy).length > 0) notes.push(targetNote(policy));
  else if (policy.spec?.selector !== undefined && policy.spec.selector.matchLabels === undefined) {
    notes.push(emptySelectorNote(policy));
  } else if (Object.keys(workload.labels).length === 0) notes.push(unlabelledNote(policy));
}

function heldRules(
  policy: AuthorizationPolicy,
  action: "ALLOW" | "DENY",
  notes: string[],
): readonly HeldRule[] {
  const rules = policy.spec?.rules ?? [];
  if (rules.length === 0) notes.push(noRulesNote(policy));
  return rules.flatMap((rule, index) => {
    const compiled = compileZtunnelRule(rule, { namespace: namespaceOf(policy), action });
    notes.push(...ruleNotes(policy, index, compiled, "ztunnel"));
    return compiled.test === undefined
      ? []
      : [{ by: { policy: nameOf(policy), rule: index }, test: compiled.test }];
  });
}
