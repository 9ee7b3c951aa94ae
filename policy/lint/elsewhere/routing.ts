import type { RuleInfo } from "../rule.ts";
import { LIMIT, elsewhere as rule, UNCLEAR, UNROUTED } from "./rule.ts";

/** PR2xx: how services are routed. */
export const routingRules: readonly RuleInfo[] = [
  rule(
    "PR203",
    "error",
    "Endpoints and resolution disagree",
    UNCLEAR,
    "list `endpoints` with `resolution: static`",
  ),
  rule("PR208", "error", "Connect port is a listener's", UNROUTED, "choose a port outside 20000 to 29999"),
  rule("PR209", "error", "Destination that the proxy cannot find", UNROUTED),
  rule("PR210", "error", "Name that Kubernetes refuses or has given", LIMIT, "give the Service another name"),
  rule("PR252", "error", "No virtual address left", LIMIT, "widen `addressing.range`, or state `addresses`"),
  rule("PR253", "error", "Virtual addresses are IPv4", LIMIT, "use an IPv4 block that nothing routes"),
  rule("PR254", "error", "Wildcard host that Istio cannot route", UNROUTED, "name each host in full"),
  rule("PR256", "error", "No port left at an enforcement point", LIMIT),
  rule("PR257", "error", "Host that Istio cannot route", UNROUTED, "name each host in full"),
  rule(
    "PR258",
    "info",
    "Planned address gave way to another",
    UNROUTED,
    "state `addresses` on one of the two",
  ),
  rule("PR259", "warning", "Nobody is known to need the routing", UNROUTED, "name workloads or namespaces"),
];
