import type { ProxyConfigInput } from "./config.ts";

/** One deployment of the proxy, and the configuration it runs. */
export interface ProxyShard {
  /** Counted from 0, as in the label `portreeve.dev/shard`. */
  readonly shard: number;
  /** Name of its Kubernetes objects. */
  readonly name: string;
  /** Names of the services it serves, sorted. */
  readonly services: readonly string[];
  readonly config: ProxyConfigInput;
}
