/** One fact about what Istio does with TCP, as an example that decides it, and where it is written in Istio's source. */
import type { PolicySet, TcpConnection } from "../../policy/istio/authorization/index.ts";
import type {
  AuthorizationPolicy,
  MutualTls,
  PeerAuthentication,
  Rule,
  SecurityPolicy,
} from "../../policy/istio/objects.ts";

export interface Fact {
  /** One sentence or half of one, as the page in docs/ prints it. */
  readonly says: string;
  readonly policies: readonly SecurityPolicy[];
  readonly connection: TcpConnection;
  /** Labels of the workload. @default app: db */
  readonly labels?: Readonly<Record<string, string>>;
  readonly mesh?: PolicySet["mesh"];
  readonly sidecar: Outcome;
  readonly ztunnel: Outcome;
  /** Keys of SOURCES: the sidecar's, then ztunnel's. */
  readonly sources: readonly [keyof typeof SOURCES, keyof typeof SOURCES];
}

/** The verdict, and with `by` the rule as `policy#rule` in the workload's namespace. */
export type Outcome = "allow" | "deny" | `${"allow" | "deny"} by ${string}`;

/** Files of istio/istio under pilot/pkg, unless they say ztunnel (istio/ztunnel) or Envoy. */
export const SOURCES = {
  "authz builder": "security/authz/builder/builder.go",
  "ext_authz builder": "security/authz/builder/extauthz.go",
  "authz model": "security/authz/model/model.go",
  "authz fields": "security/authz/model/generator.go",
  "authz strings": "security/authz/matcher/string.go",
  "trust domains": "security/trustdomain/bundle.go",
  attachment: "model/policyattachment.go",
  "policy lookup": "model/authorization.go",
  mTLS: "security/authn/policy_applier.go",
  "inbound TLS": "security/authn/utils/utils.go",
  "ambient conversion": "serviceregistry/ambient/authorization.go",
  "ambient attachment": "serviceregistry/ambient/workloads.go",
  "ambient policies": "serviceregistry/ambient/policies.go",
  "ztunnel match": "ztunnel src/rbac.rs",
  "ztunnel order": "ztunnel src/state.rs",
} as const;

export const TD = "td1";
export const ALIAS = "old-td";
export const ROOT = "istio-system";
export const NS = "shop";
export const PORT = 5432;

/** The workload all facts are about: namespace shop, in a mesh with trust domain td1, alias old-td. */
export function setOf(fact: Fact, dataplane: PolicySet["dataplane"]): PolicySet {
  return {
    dataplane,
    policies: fact.policies,
    workload: {
      namespace: NS,
      labels: fact.labels ?? { app: "db" },
      trustDomain: TD,
      trustDomainAliases: [ALIAS],
      rootNamespace: ROOT,
    },
    ...(fact.mesh === undefined ? {} : { mesh: fact.mesh }),
  };
}

export const identity = (namespace = NS, account = "api", trustDomain = TD): string =>
  `${trustDomain}/ns/${namespace}/sa/${account}`;

/** A peer with mTLS unless `principal` is null. */
export function from(
  principal: string | null = identity(),
  more: {
    readonly ip?: string;
    readonly remoteIp?: string;
    readonly port?: number;
    readonly sni?: string;
  } = {},
): TcpConnection {
  const { ip = "10.1.2.3", port = PORT, remoteIp, sni } = more;
  return {
    source: { ip, principal, ...(remoteIp === undefined ? {} : { remoteIp }) },
    destination: { ip: "10.0.0.10", port },
    ...(sni === undefined ? {} : { sni }),
  };
}

type Spec = NonNullable<AuthorizationPolicy["spec"]>;

/** An AuthorizationPolicy in the workload's namespace. */
export function policy(
  name: string,
  action: NonNullable<Spec["action"]>,
  rules: readonly Rule[] | undefined,
  more: Omit<Spec, "action" | "rules"> & { readonly namespace?: string; readonly dryRun?: boolean } = {},
): AuthorizationPolicy {
  const { namespace = NS, dryRun = false, ...spec } = more;
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name, namespace, ...(dryRun ? { annotations: { "istio.io/dry-run": "true" } } : {}) },
    spec: { ...spec, action, ...(rules === undefined ? {} : { rules }) },
  };
}

/** A PeerAuthentication in the workload's namespace. */
export function peers(
  name: string,
  mode: MutualTls["mode"],
  more: {
    readonly namespace?: string;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly port?: NonNullable<MutualTls["mode"]>;
    readonly created?: string;
  } = {},
): PeerAuthentication {
  const { namespace = NS, selector, port, created = "2026-01-01T00:00:00Z" } = more;
  return {
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name, namespace, creationTimestamp: created },
    spec: {
      ...(selector === undefined ? {} : { selector }),
      ...(mode === undefined ? {} : { mtls: { mode } }),
      ...(port === undefined ? {} : { portLevelMtls: { [PORT]: { mode: port } } }),
    },
  };
}

export const source = (source: NonNullable<NonNullable<Rule["from"]>[number]["source"]>): Rule => ({
  from: [{ source }],
});
export const operation = (operation: NonNullable<NonNullable<Rule["to"]>[number]["operation"]>): Rule => ({
  to: [{ operation }],
});
