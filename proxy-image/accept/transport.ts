import type { WorkloadIdentity } from "../identify.ts";

/** What the transport of a client proved. */
export interface TransportFacts {
  readonly workload: WorkloadIdentity | undefined;
  readonly sni: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly resumed: boolean;
  /** What the client asked for, where it came by HBONE. */
  readonly hboneAddress?: string | undefined;
}

/** A client's side that waits to be told whether it may speak. */
export interface Tunnel {
  /** The service is connected. */
  accept(): void;
  /** It will not be. */
  refuse(status: number): void;
}
