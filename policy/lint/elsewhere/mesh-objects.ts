import type { RuleInfo } from "../rule.ts";
import { elsewhere as rule } from "./rule.ts";

const REFUSED =
  "Both ends are configured, and they do not agree: connections fail, though each object looks right.";
const PAST = "Access is wider than the policy reads: what does not go through the proxy is not judged by it.";
const WAITS =
  "A client of a server-first protocol waits for the greeting; a proxy that waits for the client's first bytes to detect the protocol makes it hang (istio#35232, #17457).";
const MIXED =
  "A TCP connection shows an address and a port and nothing else: what is meant for one service arrives at the other (istio#11741, #24937, #29806).";

/** PR53x, PR54x: what is wrong between ordinary Istio and Kubernetes objects; see docs/mesh-consistency.md. */
export const meshObjectRules: readonly RuleInfo[] = [
  rule(
    "PR530",
    "error",
    "Plaintext to a port that demands mTLS",
    REFUSED,
    "remove `tls` from the DestinationRule",
  ),
  rule("PR531", "error", "mTLS to what cannot answer it", REFUSED, "remove `tls` from the DestinationRule"),
  rule(
    "PR532",
    "error",
    "TLS without the mesh's certificate under STRICT",
    REFUSED,
    "remove `tls` from the DestinationRule",
  ),
  rule("PR533", "error", "TLS origination that does not fit the protocol", REFUSED),
  rule(
    "PR534",
    "warning",
    "Pods without a proxy under an authorization policy",
    PAST,
    "bring all pods into the mesh",
  ),
  rule("PR535", "warning", "Inbound port past the sidecar", PAST, "take the port out of the annotation"),
  rule("PR536", "warning", "Outbound port past the sidecar", PAST, "take the port out of the annotation"),
  rule("PR537", "warning", "Plaintext port under an authorization policy", PAST, "make the port STRICT"),
  rule("PR538", "warning", "Host network under an authorization policy", PAST, "leave the host network"),
  rule(
    "PR539",
    "warning",
    "Server-first port without its protocol in its name",
    WAITS,
    "name the port `tcp-…`",
  ),
  rule("PR540", "error", "Headless service of pods inside and outside of the mesh", REFUSED),
  rule("PR541", "error", "Headless service of pods with mTLS turned off", REFUSED),
  rule("PR542", "error", "Namespace without mTLS, workload that demands it", REFUSED),
  rule("PR543", "warning", "TCP services on one listener", MIXED, "give each of them an address of its own"),
];
