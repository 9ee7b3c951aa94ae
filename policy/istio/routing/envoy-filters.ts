import { hasLabels } from "../consistency/world.ts";
import type { EnvoyFilter, Labels, RoutingWorld } from "./world.ts";

/** A place in a proxy's configuration that a connection goes through. */
export interface Passage {
  readonly proxy: { readonly namespace: string; readonly labels: Labels };
  readonly context: "SIDECAR_OUTBOUND" | "SIDECAR_INBOUND" | "GATEWAY";
  /** Of the listener: the Service's port for a client, the pod's own for a server. */
  readonly port: number;
  readonly listener?: string | undefined;
  readonly cluster?:
    | {
        readonly name: string;
        readonly host: string;
        readonly port: number;
        readonly subset: string | undefined;
      }
    | undefined;
}

const LISTENER = new Set(["LISTENER", "LISTENER_FILTER", "FILTER_CHAIN", "NETWORK_FILTER"]);

/**
 * A note for each EnvoyFilter that changes what decides on a connection. What the patch does is not judged: it may change
 * everything.
 */
export function envoyFilterNotes(world: RoutingWorld, passage: Passage): string[] {
  return world.envoyFilters.flatMap((filter) => {
    if (!isFor(world, filter, passage.proxy)) return [];
    const what = new Set(filter.patches.flatMap((patch) => touches(patch, passage)));
    if (what.size === 0) return [];
    return [`${filter.id} patches ${[...what].join(" and ")} that decides here: not judged`];
  });
}

function isFor({ mesh }: RoutingWorld, filter: EnvoyFilter, proxy: Passage["proxy"]): boolean {
  // One with targetRefs is for gateways and waypoints of the Gateway API, which are told apart elsewhere.
  if (filter.targets) return false;
  if (filter.namespace !== proxy.namespace && filter.namespace !== mesh.rootNamespace) return false;
  return filter.selector === undefined || hasLabels(filter.selector, proxy.labels);
}

function touches({ applyTo, match }: EnvoyFilter["patches"][number], passage: Passage): string[] {
  const context = match?.context ?? "ANY";
  if (context !== "ANY" && context !== passage.context) return [];
  if (applyTo === "BOOTSTRAP") return ["the bootstrap of the proxy"];
  if (LISTENER.has(applyTo)) {
    const { portNumber, name, filterChain } = match?.listener ?? {};
    const port = portNumber ?? filterChain?.destinationPort;
    if (port && port !== passage.port) return [];
    const inbound = passage.context === "SIDECAR_INBOUND" ? "virtualInbound" : passage.listener;
    if (name && inbound !== undefined && name !== inbound) return [];
    return [applyTo === "LISTENER" || applyTo === "LISTENER_FILTER" ? "the listener" : "the filter chain"];
  }
  if (applyTo !== "CLUSTER" || passage.cluster === undefined) return [];
  const { cluster } = passage;
  const wanted = match?.cluster ?? {};
  const same =
    (!wanted.name || wanted.name === cluster.name) &&
    (!wanted.service || wanted.service === cluster.host) &&
    (!wanted.subset || wanted.subset === cluster.subset) &&
    (!wanted.portNumber || wanted.portNumber === cluster.port);
  return same ? ["the cluster"] : [];
}
