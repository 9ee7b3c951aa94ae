import type { RuleInfo } from "../rule.ts";
import { DIVERGES, elsewhere as rule, UNCLEAR } from "./rule.ts";

/** PR3xx and PR4xx: identities and grants. */
export const grantRules: readonly RuleInfo[] = [
  rule("PR302", "error", "Groups contain each other", UNCLEAR, "remove one of the memberships"),
  rule(
    "PR401",
    "error",
    "People or agents through the mesh",
    DIVERGES,
    "use `via: proxy`, or leave `via` out",
  ),
  rule("PR402", "error", "Mesh grant to a service behind the proxy", DIVERGES, "leave `via` out"),
  rule("PR403", "error", "Deny with limits", UNCLEAR, "remove the limits, or make it an allow"),
  rule("PR404", "error", "Condition that the mesh cannot check", DIVERGES, "use `via: proxy`"),
  rule("PR405", "error", "Grant from nobody", UNCLEAR, "name whom it is for"),
  rule("PR406", "error", "Grant that ends before it starts", UNCLEAR, "correct `notBefore` or `expires`"),
  rule(
    "PR407",
    "error",
    "Agent not allowed to use the service",
    DIVERGES,
    "add it to the agent's `services`",
  ),
  rule("PR450", "error", "Grants differ for one target port", DIVERGES),
  rule("PR452", "error", "Source addresses across networks", DIVERGES, "name workloads or namespaces"),
];
