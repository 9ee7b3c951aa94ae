import type { WorkloadIdentity } from "../identify.ts";

/** What the transport of a client proved. */
export interface TransportFacts {
  readonly workload: WorkloadIdentity | undefined;
  readonly sni: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly resumed: boolean;
}
