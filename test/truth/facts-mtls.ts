/** Facts about PeerAuthentication. */
import { type Fact, from, identity, PORT, peers, policy, ROOT, source } from "./fact.ts";

const db = { matchLabels: { app: "db" } };

export const MTLS: readonly Fact[] = [
  {
    says: "no PeerAuthentication: PERMISSIVE, plaintext is let in",
    policies: [],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "plaintext under STRICT, even where a policy would allow it",
    policies: [peers("mesh", "STRICT", { namespace: ROOT }), policy("a", "ALLOW", [{}])],
    connection: from(null),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["inbound TLS", "ambient policies"],
  },
  {
    says: "the namespace's mode goes before the mesh's",
    policies: [peers("mesh", "STRICT", { namespace: ROOT }), peers("ns", "PERMISSIVE")],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "the workload's mode goes before the namespace's",
    policies: [peers("ns", "PERMISSIVE"), peers("w", "STRICT", { selector: db })],
    connection: from(null),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "the port's mode goes before the workload's: PERMISSIVE in STRICT",
    policies: [peers("w", "STRICT", { selector: db, port: "PERMISSIVE" })],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "… and another port stays STRICT",
    policies: [peers("w", "STRICT", { selector: db, port: "PERMISSIVE" })],
    connection: from(null, { port: PORT + 1 }),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "UNSET inherits",
    policies: [
      peers("mesh", "STRICT", { namespace: ROOT }),
      peers("ns", "UNSET"),
      peers("w", undefined, { selector: db }),
    ],
    connection: from(null),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "of two policies for one namespace the older wins",
    policies: [
      peers("a", "STRICT", { created: "2026-01-02T00:00:00Z" }),
      peers("b", "PERMISSIVE", { created: "2026-01-01T00:00:00Z" }),
    ],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "a policy with labels in the root namespace applies to nothing",
    policies: [peers("w", "STRICT", { namespace: ROOT, selector: db })],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["mTLS", "ambient attachment"],
  },
  {
    says: "a mesh-wide STRICT written with `selector: {}`",
    policies: [peers("mesh", "STRICT", { namespace: ROOT, selector: {} })],
    connection: from(null),
    sidecar: "deny",
    ztunnel: "allow",
    sources: ["mTLS", "ambient attachment"],
  },
  {
    says: "port STRICT in a PERMISSIVE workload in a STRICT mesh, plaintext to that port",
    policies: [
      peers("mesh", "STRICT", { namespace: ROOT }),
      peers("w", "PERMISSIVE", { selector: db, port: "STRICT" }),
    ],
    connection: from(null),
    sidecar: "deny",
    ztunnel: "allow",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "port DISABLE in a workload policy without a mode in a STRICT mesh, plaintext to that port",
    policies: [
      peers("mesh", "STRICT", { namespace: ROOT }),
      peers("w", undefined, { selector: db, port: "DISABLE" }),
    ],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "deny",
    sources: ["mTLS", "ambient conversion"],
  },
  {
    says: "an mTLS peer on a port with DISABLE: a sidecar does not look into the TLS, so the peer has no identity",
    policies: [peers("ns", "DISABLE"), policy("a", "ALLOW", [source({ principals: [identity()] })])],
    connection: from(),
    sidecar: "deny",
    ztunnel: "allow by a#0",
    sources: ["inbound TLS", "ztunnel match"],
  },
];
