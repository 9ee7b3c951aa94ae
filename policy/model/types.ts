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
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: Readonly<Spec>;
  /** Where it was written. Not part of the digest. */
  readonly position: Position | undefined;
}

export type Trust = Resolved<TrustSpec>;
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
  readonly protocol: Protocol;
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
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly spiffeId: string;
  readonly clusters: readonly string[];
}

/** A group with its membership resolved, nested groups included. All lists are sorted. */
export interface Group {
  readonly name: string;
  readonly owner: string | undefined;
  readonly idpGroups: readonly string[];
  readonly users: readonly string[];
  readonly awsRoles: readonly string[];
  /** Ids of workloads. */
  readonly workloads: readonly string[];
  readonly agents: readonly string[];
  readonly position: Position | undefined;
}

export interface Agent extends Resolved<AgentSpec> {
  readonly decision: DecisionAgent;
}

export type Grant = Resolved<GrantSpec>;
export type Waiver = Resolved<WaiverSpec>;

/** One enforceable rule: a grant, restricted to the enforcement points and subjects it goes for. */
export interface Rule extends DecisionRule {
  /** Ports as clients use them, sorted. */
  readonly ports: readonly number[];
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
  readonly limits: GrantSpec["limits"];
  readonly audit: GrantSpec["audit"];
}

/** One line of the access table: somebody may (or must not) reach a port through an enforcement point. */
export interface AccessRow {
  readonly action: "allow" | "deny";
  /** `shop/api`, `okta:dba`, `agent:triage`, `namespace:batch`, `10.0.0.0/8`. */
  readonly from: string;
  readonly fromKind: "workload" | "namespace" | "cidr" | "user" | "idpGroup" | "awsRole" | "agent";
  readonly service: string;
  readonly port: number;
  readonly via: Via;
  /** Where it is enforced, in words: `sidecar`, `ztunnel`, `egress gateway`, `proxy`. */
  readonly point: string;
  /** `until 2027-…`, `from 10.0.0.0/8`, … */
  readonly conditions: readonly string[];
  readonly grant: string;
  readonly position: Position | undefined;
}

/** A policy set, resolved and frozen. Same content, same model, whatever the order and formatting of its sources. */
export interface Model {
  readonly trust: Trust;
  readonly services: ReadonlyMap<string, Service>;
  /** By id, `namespace/name`. */
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly grants: ReadonlyMap<string, Grant>;
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
