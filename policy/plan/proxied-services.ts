import { sortedSet } from "../model/canonical.ts";
import type { Cluster, Model, Service } from "../model/types.ts";
import { proxyShard } from "./proxy-shard.ts";

/**
 * Name of a shard's objects. The first has no number, so that going from one shard to several replaces no deployed object.
 */
export function shardName(shard: number): string {
  return shard === 0 ? "portreeve-proxy" : `portreeve-proxy-${shard}`;
}

/** The services that the proxy of a cluster serves: the external ones behind it, and any that a grant opens through it. */
export function proxiedServices(model: Model, cluster: Cluster): Service[] {
  // A deny opens nothing: with denies alone the proxy serves nobody, and needs not run.
  const opening = model.rules.filter((rule) => rule.action === "allow" && rule.via.includes("proxy"));
  const granted = new Set(opening.map((rule) => rule.service));
  return [...model.services.values()].filter(
    (service) =>
      service.clusters.includes(cluster.name) &&
      (service.enforcement === "proxy" || granted.has(service.name)),
  );
}

/** The proxied services by shard, shards without any left out. */
export function servicesByShard(model: Model, cluster: Cluster): ReadonlyMap<number, readonly Service[]> {
  const byShard = Map.groupBy(proxiedServices(model, cluster), (service) => proxyShard(model, service.name));
  return new Map(sortedSet(byShard.keys()).map((shard) => [shard, byShard.get(shard) ?? []]));
}
