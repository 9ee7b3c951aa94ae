import type { Severity } from "../../finding.ts";
import type { RuleInfo } from "../rule.ts";

/** Found by the policy pack alone, in the resources of any Pulumi stack. The pack's own configuration waives them. */
export const stackRules: readonly RuleInfo[] = [
  rule(
    "PR570",
    "error",
    "Object that Istio refuses",
    "The API server or istiod's webhook refuses the object, and the update stops half way: what came before it is deployed, what comes after it is not.",
    "correct the field that the message names",
  ),
  rule(
    "PR571",
    "error",
    "Access for anybody",
    "A rule without a source lets in every client that can reach the port, with or without an identity.",
    "name the workloads, namespaces or address blocks that need the access",
  ),
  rule(
    "PR622",
    "warning",
    "Security group that opens every port",
    "A rule for every port opens the ports of whatever listens tomorrow on the same network interface: debuggers, metrics, an agent's admin port.",
    "name the port",
  ),
];

function rule(id: string, severity: Severity, title: string, why: string, fix: string): RuleInfo {
  return { id, severity, title, why, fix, waivable: false };
}
