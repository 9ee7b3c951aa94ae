export type { Cluster, NetworkPolicy, Pod } from "./cluster.ts";
export type { ExternalOptions } from "./endpoints.ts";
export type { Problem } from "./problem.ts";
export { type Connection, connections, reach } from "./reach.ts";
export { readCluster } from "./read.ts";
