import type { Model } from "../../model/types.ts";
import { shardName } from "../../plan/proxied-services.ts";
import { PROXY_APP, PROXY_APP_LABEL, PROXY_SHARD_LABEL } from "../../plan/proxy-shard.ts";
import { managedLabels } from "../target.ts";
import type { Labels } from "./objects.ts";

/** One shard of the proxy, as its Kubernetes objects need it. */
export interface Shard {
  readonly shard: number;
  readonly name: string;
  readonly namespace: string;
  /** Labels that select its pods. */
  readonly podLabels: Labels;
  /** Labels of its objects. */
  readonly labels: Labels;
}

export function makeShard(model: Model, shard: number): Shard {
  const podLabels = { [PROXY_APP_LABEL]: PROXY_APP, [PROXY_SHARD_LABEL]: String(shard) };
  return {
    shard,
    name: shardName(shard),
    namespace: model.trust.spec.proxy.namespace,
    podLabels,
    labels: { ...managedLabels("proxy"), ...podLabels },
  };
}
