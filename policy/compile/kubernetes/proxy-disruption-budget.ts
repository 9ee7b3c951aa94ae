import type { PodDisruptionBudget } from "./objects.ts";
import type { Shard } from "./proxy-pods.ts";

/** A node drain takes one pod at a time, so that live connections of all others go on. */
export function proxyDisruptionBudget(shard: Shard): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: shard.name, namespace: shard.namespace, labels: shard.labels },
    spec: { maxUnavailable: 1, selector: { matchLabels: shard.podLabels } },
  };
}
