export {
  type Cluster,
  type Labels,
  type NetworkPolicy,
  type Pod,
  selects as selectsLabels,
} from "./cluster.ts";
export type { Endpoint, Entity, ExternalOptions } from "./endpoints.ts";
export { flatten } from "./kinds.ts";
export type { Problem } from "./problem.ts";
export { type Connection, connections, Reachability, reach } from "./reach.ts";
export { readCluster } from "./read.ts";
