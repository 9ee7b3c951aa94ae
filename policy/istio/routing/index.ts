export { parseClusterName } from "./cluster-name.ts";
export { destination } from "./destination.ts";
export type { FirstBytes } from "./match.ts";
export { type RoutingOptions, readRouting } from "./read.ts";
export { arrivalsOf, routeConnection } from "./route.ts";
export { selectTarget, sidecarView } from "./sidecar-route.ts";
export type { Arrival, Hop, Leg, Outcome, Routed, RouteQuestion } from "./types.ts";
export type { RoutingWorld } from "./world.ts";
