import type { DecisionAgent, DecisionRule, Via } from "../decide/rule.ts";
import type { DecisionTable } from "../decide/table.ts";
import type { Position } from "../finding.ts";
import type {
  AgentSpec,
  GrantSpec,
  Kind,
  Metadata,
  Protocol,
  ServiceSpec,
  TrustSpec,
  WaiverSpec,
  WorkloadSpec,
} from "../schema/index.ts";

/** What every resolved object carries besides its spec. */
interface Resolved<Spec> {
  /** `metadata.name`. */
  readonly name: string;
  /** Empty when it has none. */
  readonly labels: Readonly<Record<string, string>>;
  /** As written, with every default filled in; its fields are those of docs/reference. */
  readonly spec: Readonly<Spec>;
  /** Where it was written. Not part of the digest. */
  readonly position: Position | undefined;
}

/** The estate's definition of trust. */
export type Trust = Resolved<TrustSpec>;
/** A cluster of Trust. */
export type Cluster = TrustSpec["clusters"][number];

/** A port of a service with its defaults filled in. */
export interface ServicePort {
  /** Port that clients use. */
  readonly port: number;
  /** Port that the service listens on. */
  readonly targetPort: number;
  /** Port name; starts with the protocol, so that Istio never detects it. */
  readonly name: string;
}

/** A narrow TCP destination. */
export interface Service extends Resolved<ServiceSpec> {
  /** The application protocol. */
  readonly protocol: Protocol;
  /** Sorted by the port that clients use. */
  readonly ports: readonly ServicePort[];
  /** DNS names clients use; the first is the one it is known by. */
  readonly hosts: readonly string[];
  /** Where its verdict falls: its own sidecar or ztunnel, the cluster's egress gateway, or the proxy. */
  readonly enforcement: "workload" | "gateway" | "proxy";
  /** Names of the clusters concerned, sorted. */
  readonly clusters: readonly string[];
}

/** A namespace and service account. */
export interface Workload extends Resolved<WorkloadSpec> {
  /** `namespace/name`. */
  readonly id: string;
  /** Its Kubernetes namespace. */
  readonly namespace: string;
  /** Its Kubernetes service account. */
  readonly serviceAccount: string;
  /** `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. */
  readonly spiffeId: string;
  /** Names of the clusters that it runs in, sorted. */
  readonly clusters: readonly string[];
}

/** A group with its membership resolved, nested groups included. All lists are sorted. */
export interface Group {
  /** `metadata.name`. */
  readonly name: string;
  /** Team or person who answers for it. */
  readonly owner: string | undefined;
  /** `provider:group`. */
  readonly idpGroups: readonly string[];
  /** `provider:user`. */
  readonly users: readonly string[];
  /** ARNs of roles. */
  readonly awsRoles: readonly string[];
  /** Ids of workloads. */
  readonly workloads: readonly string[];
  /** Names of Agents. */
  readonly agents: readonly string[];
  /** Where it was written. */
  readonly position: Position | undefined;
}

/** An AI agent or script. */
export interface Agent extends Resolved<AgentSpec> {
  /** What deciding needs of it: for whom it acts, and until when. */
  readonly decision: DecisionAgent;
}

/** One allow or deny, as written. */
export type Grant = Resolved<GrantSpec>;
/** An accepted breach of a guardrail, as written. */
export type Waiver = Resolved<WaiverSpec>;

/** One enforceable rule: a grant, restricted to the enforcement points and subjects it goes for. */
export interface Rule extends DecisionRule {
  /** Ports as clients use them, sorted. */
  readonly ports: readonly number[];
  /** Conditions that all must hold; instants in RFC 3339. */
  readonly when: {
    readonly notBefore?: string;
    readonly expires?: string;
    readonly sourceCidrs?: readonly string[];
    readonly sni?: readonly string[];
  };
  /** What made it: a grant; or `admission`, by which the mesh lets the proxy through to a service that it guards. */
  readonly source: "grant" | "admission";
  /** Users of the service that the proxy may log in as; stated by the grant. */
  readonly loginUsers?: readonly string[];
  /** Limits for each principal; undefined when there are none. */
  readonly limits: GrantSpec["limits"];
  /** Whether its connections must be recorded. */
  readonly audit: GrantSpec["audit"];
}

/** One line of the access table: somebody may (or must not) reach a port through an enforcement point. */
export interface AccessRow {
  /** A deny wins over every allow. */
  readonly action: "allow" | "deny";
  /** `shop/api`, `okta:dba`, `agent:triage`, `namespace:batch`, `10.0.0.0/8`. */
  readonly from: string;
  /** What `from` names. */
  readonly fromKind: "workload" | "namespace" | "cidr" | "user" | "idpGroup" | "awsRole" | "agent";
  /** Name of the Service. */
  readonly service: string;
  /** As clients use it. */
  readonly port: number;
  /** The family of the enforcement point. */
  readonly via: Via;
  /** Where it is enforced, in words: `sidecar`, `ztunnel`, `egress gateway`, `proxy`. */
  readonly point: string;
  /** `until 2027-…`, `from 10.0.0.0/8`, … */
  readonly conditions: readonly string[];
  /** Name of the Grant that says so. */
  readonly grant: string;
  /** Where that Grant was written. */
  readonly position: Position | undefined;
}

/** A policy set, resolved and frozen. Same content, same model, whatever the order and formatting of its sources. */
export interface Model {
  /** The one Trust of the set. */
  readonly trust: Trust;
  /** By name. */
  readonly services: ReadonlyMap<string, Service>;
  /** By id, `namespace/name`. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** By name. */
  readonly groups: ReadonlyMap<string, Group>;
  /** By name. */
  readonly agents: ReadonlyMap<string, Agent>;
  /** By name. */
  readonly grants: ReadonlyMap<string, Grant>;
  /** By name. */
  readonly waivers: ReadonlyMap<string, Waiver>;
  /** Sorted by service, then id. */
  readonly rules: readonly Rule[];
  /** SPIFFE ID of the Portreeve proxy. */
  readonly proxySpiffeId: string;
  /** `sha256:…` of the canonical form: positions, comments, annotations, file order and the order of sets do not count. */
  readonly digest: string;
  /** The index that `decide` reads. */
  readonly table: DecisionTable;
}

export type { Kind, Metadata };
