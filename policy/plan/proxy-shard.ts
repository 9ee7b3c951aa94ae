import { createHash } from "node:crypto";
import type { Model } from "../model/types.ts";

/** Label of the proxy's pods, and its value. */
export const PROXY_APP_LABEL = "app.kubernetes.io/name";
export const PROXY_APP = "portreeve-proxy";
/** Label that says which shard a proxy pod is, counted from 0. */
export const PROXY_SHARD_LABEL = "portreeve.dev/shard";

/**
 * The shard that serves a service, 0 to `trust.proxy.shards` - 1: the highest of one hash a shard (rendezvous hashing), so
 * one more shard takes over its own share and moves nobody else.
 */
export function proxyShard(model: Model, service: string): number {
  const known = shardsOf.get(model) ?? new Map<string, number>();
  shardsOf.set(model, known);
  const shard = known.get(service) ?? highestShard(model, service);
  known.set(service, shard);
  return shard;
}

/** A large estate asks for the same service thousands of times, and each answer takes a hash a shard. */
const shardsOf = new WeakMap<Model, Map<string, number>>();

function highestShard(model: Model, service: string): number {
  let best = 0;
  let highest = -1n;
  for (let shard = 0; shard < model.trust.spec.proxy.shards; shard++) {
    const weight = createHash("sha256").update(`${service}@${shard}`).digest().readBigUInt64BE(0);
    if (weight > highest) [best, highest] = [shard, weight];
  }
  return best;
}

/** Labels of the proxy pods that serve a service: what Services and ServiceEntries select. */
export function proxyPodLabels(model: Model, service: string): Record<string, string> {
  return { [PROXY_APP_LABEL]: PROXY_APP, [PROXY_SHARD_LABEL]: String(proxyShard(model, service)) };
}
