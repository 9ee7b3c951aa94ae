import { goProgram } from "../go.ts";

/** A SPIFFE Workload API on grpc-go and the API's own generated code; SPIRE's agent needs a SPIRE server and a node. */
export const workloadApi = goProgram({
  name: "workload-api",
  title: "SPIFFE Workload API",
  version: "2.9.0",
  lock: "workload-api",
  package: "./server",
  cost: { seconds: 60, megabytes: 12 },
});
