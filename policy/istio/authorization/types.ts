import type { ExtensionProvider, SecurityPolicy } from "../objects.ts";

/** Which proxy enforces: a sidecar (Envoy), or the node's ztunnel of ambient mode. */
export type DataPlane = "sidecar" | "ztunnel";

/** The workload that is connected to. */
export interface TargetWorkload {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `meshConfig.trustDomain`. @default "cluster.local" */
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  /** `meshConfig.rootNamespace`: its policies apply to every namespace. @default "istio-system" */
  readonly rootNamespace?: string;
}

export interface TcpConnection {
  readonly source: {
    /** The TCP peer's address. */
    readonly ip: string;
    /** The identity that mTLS proved, without `spiffe://`; `null` for a plaintext connection. */
    readonly principal: string | null;
    /** The address from the PROXY protocol. @default the TCP peer's address */
    readonly remoteIp?: string;
  };
  /** The workload's own address and port, after Service translation. */
  readonly destination: { readonly ip: string; readonly port: number };
  /** The server name of the TLS ClientHello, if there is one. */
  readonly sni?: string;
}

/** What decides about connections to one workload. */
export interface PolicySet {
  readonly dataplane: DataPlane;
  readonly policies: readonly SecurityPolicy[];
  readonly workload: TargetWorkload;
  readonly mesh?: { readonly extensionProviders?: readonly ExtensionProvider[] };
  /**
   * What an external authorizer (CUSTOM action) is taken to answer when it is asked; its answer cannot be read from
   * objects. @default "deny"
   */
  readonly authorizer?: "allow" | "deny";
}

/** The policy as `namespace/name`, and the index of the rule in it, from 0. */
export interface DecidedBy {
  readonly policy: string;
  readonly rule: number;
}

export interface IstioVerdict {
  readonly verdict: "allow" | "deny";
  /** `null` where no rule decided: no policy selects the workload, none of the ALLOW rules matched, or mTLS was missing. */
  readonly by: DecidedBy | null;
  /** What a reader should know: parts of policies that do nothing or something else on TCP, and assumptions made. */
  readonly notes: readonly string[];
}

/** Decides about one connection to the workload that it was made for. */
export type Judge = (connection: TcpConnection) => IstioVerdict;

/** Istio's own defaults of `meshConfig`. */
export const MESH_DEFAULTS = { trustDomain: "cluster.local", rootNamespace: "istio-system" } as const;
