import type { Membership } from "../../reach/index.ts";
import type { DataPlane, DecidedBy } from "../authorization/index.ts";
import type { Sent } from "./destination.ts";
import type { FirstBytes } from "./match.ts";
import type { Pod } from "./world.ts";

export interface RouteQuestion {
  readonly from: Pod;
  /** A name as the application would use it, or an address. */
  readonly to: string;
  readonly port: number;
  /** The client's. @default by the labels of pod and namespace */
  readonly dataPlane?: DataPlane | undefined;
  /** @default what the protocol of the port is: HTTP, TLS with the name as server name, or neither */
  readonly first?: FirstBytes | undefined;
  /** The client's address, for policies on addresses. */
  readonly sourceIp?: string | undefined;
}

/** `not judged` where it depends on what the objects do not tell; the notes say on what. */
export type Outcome = "allow" | "deny" | "fails" | "not judged";

/** What becomes of the connection at one endpoint. */
export interface Arrival {
  /** `shop/db`, an address, or a host. */
  readonly workload: string;
  readonly address: string | undefined;
  /** The workload's own port, which policies are about. */
  readonly port: number;
  readonly dataPlane: Membership | "external";
  /** On the wire; HBONE is the mTLS tunnel of the ambient data plane. */
  readonly wire: Sent | "HBONE";
  /** Without `spiffe://`; null where the server proves nobody. */
  readonly principal: string | null;
  /** What the server's proxy accepts. */
  readonly accepts: string;
  readonly outcome: Outcome;
  readonly by: DecidedBy | null;
  readonly reason: string;
  readonly notes: readonly string[];
}

export interface Leg {
  /** `host:port`, with the subset where there is one. */
  readonly destination: string;
  /** Envoy's name of the cluster; none for ztunnel. */
  readonly cluster: string | undefined;
  /** In percent. */
  readonly share: number;
  /** Why what is sent is sent. */
  readonly because: string;
  readonly arrivals: readonly Arrival[];
  /** Where the endpoints are those of a gateway: what it does with the connection. */
  readonly next: Hop | undefined;
  /** Why the leg leads nowhere. */
  readonly broken: string | undefined;
}

/** What one proxy on the way does. */
export interface Hop {
  /** `sidecar of shop/api`. */
  readonly proxy: string;
  /** Envoy's name of the listener. */
  readonly listener: string;
  /** What the listener was made for. */
  readonly listenerOf: string | undefined;
  /** `VirtualService shop/db`, or what routes without one. */
  readonly route: string;
  /** The object that routes, for its position. */
  readonly routeObject: string | undefined;
  readonly legs: readonly Leg[];
  /** Why it is not known where it goes from here. */
  readonly notJudged?: string;
}

export interface Routed {
  readonly dataPlane: Membership;
  readonly address: string;
  readonly port: number;
  readonly hop: Hop;
  /** Of all arrivals: allowed only where every one is. */
  readonly outcome: Outcome;
  readonly notes: readonly string[];
}
