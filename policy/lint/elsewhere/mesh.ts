import type { RuleInfo } from "../rule.ts";
import { DIVERGES, LIMIT, elsewhere as rule, UNCLEAR, UNROUTED, WIDER } from "./rule.ts";

/** PR5xx: consistency of the mesh, and what Kubernetes can express. */
export const meshRules: readonly RuleInfo[] = [
  rule("PR511", "error", "Identity of a service's pods not known", DIVERGES, "set `location.serviceAccount`"),
  rule("PR512", "info", "Addresses in a NetworkPolicy", WIDER, "grant workloads or namespaces"),
  rule("PR513", "info", "Workload without a selector: no NetworkPolicy", WIDER, "set `selector`"),
  rule("PR514", "warning", "Address of the API server not known", UNROUTED, "set `apiServerCidrs`"),
  rule("PR515", "info", "Port 443 open to any address outside", WIDER),
  rule("PR516", "error", "Proxy configuration too large for a ConfigMap", LIMIT, "raise `proxy.shards`"),
  rule("PR517", "error", "NetworkPolicy too large for the API server", LIMIT, "grant whole namespaces"),
  rule("PR550", "error", "Egress gateway from ambient", DIVERGES, "use `location.egress: proxy`"),
  rule("PR551", "error", "Cluster without an egress gateway", UNROUTED, "add `egressGateway` to the cluster"),
  rule(
    "PR552",
    "error",
    "TLS inside the protocol through a gateway",
    UNROUTED,
    "use `location.egress: proxy`",
  ),
  rule("PR553", "error", "Mutual TLS through a gateway without a credential", UNROUTED),
  rule("PR554", "error", "Limits that ztunnel does not enforce", DIVERGES),
  rule("PR555", "error", "Outlier detection that ztunnel does not do", DIVERGES),
  rule("PR556", "error", "Service in Istio's root namespace", DIVERGES),
  rule("PR557", "warning", "Server name that ztunnel does not check", DIVERGES),
  rule("PR558", "error", "CA file beside a gateway's credential", UNROUTED),
  rule("PR559", "error", "Too many source blocks for one object", LIMIT, "name fewer, wider blocks"),
  rule("PR560", "error", "TLS origination inside the mesh", UNROUTED, "use `tls.mode: auto`"),
  rule("PR561", "info", "Workload without a selector: no Sidecar", WIDER, "set `selector`"),
  rule("PR562", "error", "Two workloads on the same pods", UNCLEAR),
  rule("PR563", "error", "Two plaintext services on the same pods", UNROUTED, "make them one Service"),
  rule("PR564", "info", "Egress gateway closed for others", WIDER, "let it serve Portreeve alone"),
  rule("PR566", "error", "Ambient without addresses for external services", UNROUTED),
];
