import type { Position } from "../finding.ts";

/** An enforcement point's family: Istio (sidecar, ztunnel, egress gateway), or the Portreeve proxy. */
export type Via = "mesh" | "proxy";

/** Identities a rule names; an entry of any list matches. */
export interface Subjects {
  /** SPIFFE IDs, exact and in the real trust domain (never an alias). */
  readonly workloads: readonly string[];
  /** All workloads of a namespace of a trust domain. */
  readonly namespaces: readonly { readonly trustDomain: string; readonly namespace: string }[];
  /** Source addresses, whoever it is. They satisfy only the transport link of a chain, never a person or an agent. */
  readonly cidrs: readonly string[];
  /** `provider:user`. */
  readonly users: readonly string[];
  /** `provider:group`. */
  readonly idpGroups: readonly string[];
  /** ARNs of IAM roles. */
  readonly awsRoles: readonly string[];
  /** Names of agents. */
  readonly agents: readonly string[];
}

/** Conditions of a rule; all must hold, a list's values are alternatives. Instants are RFC 3339 text or epoch milliseconds. */
export interface When {
  /** Not valid before this instant. */
  readonly notBefore?: string | number | undefined;
  /** Not valid from this instant on. */
  readonly expires?: string | number | undefined;
  /** Only from these addresses. */
  readonly sourceCidrs?: readonly string[] | undefined;
  /** Only for these server names, whatever their case. */
  readonly sni?: readonly string[] | undefined;
}

/** The least that deciding needs to know of a rule. */
export interface DecisionRule {
  /** Name of the grant. */
  readonly id: string;
  /** A deny wins over every allow. */
  readonly action: "allow" | "deny";
  /** Name of the Service. */
  readonly service: string;
  /** Ports as clients use them. @default all ports of the service */
  readonly ports?: readonly number[] | undefined;
  /** The enforcement points that it goes for. */
  readonly via: readonly Via[];
  /** Who. */
  readonly subjects: Subjects;
  /** Conditions that all must hold. */
  readonly when: When;
  /** Where the grant was written. */
  readonly origin?: Position | undefined;
}

/** What deciding needs to know of an agent. */
export interface DecisionAgent {
  /** Name of the Agent. */
  readonly name: string;
  /** SPIFFE IDs it may present; such a transport identity is the agent itself, not a second party. */
  readonly workloads: readonly string[];
  /** The one user it acts for, `provider:user`; taken when the connection asserts no person. */
  readonly onBehalfOfUser?: string | undefined;
  /** Users and IdP groups it may act for. Empty means nobody. */
  readonly onBehalfOf: { readonly users: readonly string[]; readonly idpGroups: readonly string[] };
  /** Killed: it is nobody. @default false */
  readonly suspended?: boolean | undefined;
  /** After this instant it is nobody. */
  readonly expires?: string | number | undefined;
}

/** What deciding needs to know of a service. */
export interface DecisionService {
  /** Name of the Service. */
  readonly name: string;
  /** As clients use them. */
  readonly ports: readonly number[];
  /**
   * True where the mesh refuses a peer without a certificate (PeerAuthentication STRICT).
   * @default true
   */
  readonly strict?: boolean | undefined;
}
