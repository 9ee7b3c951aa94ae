/** Facts about which policies apply, in which order, and which of them decide at all. */
import { type Fact, from, identity, operation, policy, ROOT, source } from "./fact.ts";

const everything = {};
const fromShop = source({ namespaces: ["shop"] });
const fromOps = source({ namespaces: ["ops"] });

export const ORDER: readonly Fact[] = [
  {
    says: "no policy selects the workload",
    policies: [policy("web", "ALLOW", [fromShop], { selector: { matchLabels: { app: "web" } } })],
    connection: from(null),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["policy lookup", "ztunnel order"],
  },
  {
    says: "an ALLOW policy selects it, and no ALLOW rule matches",
    policies: [policy("a", "ALLOW", [fromOps])],
    connection: from(),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["authz builder", "ztunnel order"],
  },
  {
    says: "a DENY rule and an ALLOW rule both match",
    policies: [policy("a", "ALLOW", [fromShop]), policy("d", "DENY", [fromShop])],
    connection: from(),
    sidecar: "deny by d#0",
    ztunnel: "deny by d#0",
    sources: ["authz builder", "ztunnel order"],
  },
  {
    says: "one ALLOW policy does not match, another does",
    policies: [policy("a", "ALLOW", [fromOps]), policy("b", "ALLOW", [fromOps, fromShop])],
    connection: from(),
    sidecar: "allow by b#1",
    ztunnel: "allow by b#1",
    sources: ["authz builder", "ztunnel order"],
  },
  {
    says: "a rule `{}` matches everything",
    policies: [policy("a", "ALLOW", [everything])],
    connection: from(null),
    sidecar: "allow by a#0",
    ztunnel: "allow by a#0",
    sources: ["authz model", "ztunnel match"],
  },
  {
    says: "an ALLOW policy without rules allows nothing",
    policies: [policy("a", "ALLOW", undefined)],
    connection: from(),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["authz builder", "ztunnel match"],
  },
  {
    says: "a DENY policy without rules denies nothing",
    policies: [policy("d", "DENY", [])],
    connection: from(),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["authz builder", "ztunnel match"],
  },
  {
    says: "AUDIT never decides",
    policies: [policy("a", "AUDIT", [everything])],
    connection: from(),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["authz builder", "ambient conversion"],
  },
  {
    says: "a dry-run DENY denies nothing, a dry-run ALLOW closes nothing",
    policies: [
      policy("a", "ALLOW", [fromOps], { dryRun: true }),
      policy("d", "DENY", [fromShop], { dryRun: true }),
    ],
    connection: from(),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["authz builder", "ambient conversion"],
  },
  {
    says: "a dry-run CUSTOM policy of a gRPC authorizer denies what it matches",
    policies: [policy("c", "CUSTOM", [fromShop], { dryRun: true, provider: { name: "grpc" } })],
    connection: from(),
    mesh: {
      extensionProviders: [
        { name: "grpc", envoyExtAuthzGrpc: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
      ],
    },
    sidecar: "deny by c#0",
    ztunnel: "allow",
    sources: ["authz builder", "ambient conversion"],
  },
  {
    says: "a CUSTOM rule matches, its gRPC authorizer says no",
    policies: [
      policy("a", "ALLOW", [everything]),
      policy("c", "CUSTOM", [fromShop], { provider: { name: "grpc" } }),
    ],
    connection: from(),
    mesh: {
      extensionProviders: [
        { name: "grpc", envoyExtAuthzGrpc: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
      ],
    },
    sidecar: "deny by c#0",
    ztunnel: "allow by a#0",
    sources: ["ext_authz builder", "ambient conversion"],
  },
  {
    says: "a CUSTOM policy with an HTTP authorizer does nothing on TCP",
    policies: [policy("c", "CUSTOM", [everything], { provider: { name: "http" } })],
    connection: from(),
    mesh: {
      extensionProviders: [
        { name: "http", envoyExtAuthzHttp: { service: "authorizer.auth.svc.cluster.local", port: 9000 } },
      ],
    },
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["authz builder", "ambient conversion"],
  },
  {
    says: "a CUSTOM policy names a provider that is not there",
    policies: [policy("c", "CUSTOM", [fromShop], { provider: { name: "absent" } })],
    connection: from(),
    sidecar: "deny by c#0",
    ztunnel: "allow",
    sources: ["ext_authz builder", "ambient conversion"],
  },
  {
    says: "CUSTOM policies of two providers on one workload",
    policies: [
      policy("c", "CUSTOM", [fromShop], { provider: { name: "http" } }),
      policy("d", "CUSTOM", [fromOps], { provider: { name: "http2" } }),
    ],
    connection: from(),
    mesh: {
      extensionProviders: ["http", "http2"].map((name) => ({
        name,
        envoyExtAuthzHttp: { service: "authorizer.auth.svc.cluster.local", port: 9000 },
      })),
    },
    sidecar: "deny by c#0",
    ztunnel: "allow",
    sources: ["authz builder", "ambient conversion"],
  },
  {
    says: "a policy of the root namespace applies in every namespace",
    policies: [policy("d", "DENY", [fromShop], { namespace: ROOT })],
    connection: from(),
    sidecar: `deny by ${ROOT}/d#0`,
    ztunnel: `deny by ${ROOT}/d#0`,
    sources: ["policy lookup", "ztunnel order"],
  },
  {
    says: "… also with a selector",
    policies: [
      policy("d", "DENY", [fromShop], { namespace: ROOT, selector: { matchLabels: { app: "db" } } }),
    ],
    connection: from(),
    sidecar: `deny by ${ROOT}/d#0`,
    ztunnel: `deny by ${ROOT}/d#0`,
    sources: ["policy lookup", "ambient attachment"],
  },
  {
    says: "a policy with `targetRefs` does not apply to a workload that is no gateway, whatever its selector",
    policies: [
      policy("d", "DENY", [everything], {
        selector: { matchLabels: { app: "db" } },
        targetRefs: [{ kind: "Service", name: "db" }],
      }),
    ],
    connection: from(),
    sidecar: "allow",
    ztunnel: "allow",
    sources: ["attachment", "ambient conversion"],
  },
  {
    says: "`selector: {}` selects every workload of the namespace for sidecars, and none for ztunnel",
    policies: [policy("d", "DENY", [everything], { selector: {} })],
    connection: from(),
    sidecar: "deny by d#0",
    ztunnel: "allow",
    sources: ["attachment", "ambient attachment"],
  },
  {
    says: "`selector: {matchLabels: {}}` selects every workload for both",
    policies: [policy("d", "DENY", [everything], { selector: { matchLabels: {} } })],
    connection: from(),
    sidecar: "deny by d#0",
    ztunnel: "deny by d#0",
    sources: ["attachment", "ambient attachment"],
  },
  {
    says: "of several matching rules Envoy names the first by its text: rule 10 before rule 2",
    policies: [policy("a", "ALLOW", [fromOps, fromOps, everything, ...Array(7).fill(fromOps), everything])],
    connection: from(),
    sidecar: "allow by a#10",
    ztunnel: "allow by a#2",
    sources: ["authz builder", "ztunnel match"],
  },
  {
    says: "inside a rule `from`, `to` and `when` all have to match",
    policies: [policy("a", "ALLOW", [{ ...fromShop, ...operation({ ports: ["9042"] }) }])],
    connection: from(identity()),
    sidecar: "deny",
    ztunnel: "deny",
    sources: ["authz model", "ztunnel match"],
  },
];
