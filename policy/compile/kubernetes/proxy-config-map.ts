import { PROXY_MOUNTS } from "../../plan/proxy-mounts.ts";
import type { Context } from "./context.ts";
import type { ConfigMap } from "./objects.ts";
import type { Shard } from "./proxy-pods.ts";

/** The API server refuses a ConfigMap with more data than this. */
export const MAX_CONFIG_MAP_BYTES = 1024 * 1024;

/**
 * The configuration of one shard. It names files of certificates, keys and tokens, and never holds one: a ConfigMap is no
 * place for a secret.
 *
 * @param config the configuration as JSON
 */
export function proxyConfigMap(context: Context, shard: Shard, config: string): ConfigMap {
  const { file } = PROXY_MOUNTS.config;
  const bytes = Buffer.byteLength(file) + Buffer.byteLength(config);
  if (bytes > MAX_CONFIG_MAP_BYTES) {
    const { trust } = context.model;
    const { shards } = trust.spec.proxy;
    // Hashing spreads services unevenly: a quarter more than the share.
    const enough = Math.ceil((shards * bytes * 1.25) / MAX_CONFIG_MAP_BYTES);
    context.findings.push({
      rule: "PR516",
      severity: "error",
      message: `the configuration of ${shard.name} has ${bytes} bytes; a ConfigMap holds ${MAX_CONFIG_MAP_BYTES}`,
      fix: `set \`proxy.shards\` of Trust to about ${enough}`,
      object: `Trust/${trust.name}`,
      ...(trust.position && { position: trust.position }),
    });
  }
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: shard.name,
      namespace: shard.namespace,
      labels: shard.labels,
      annotations: { "portreeve.dev/policy-digest": context.model.digest },
    },
    data: { [file]: config },
  };
}
