import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { version } from "../../cli/version.ts";
import type { ProxyConfig } from "../../policy/compile/proxy/config.ts";
import type { Log } from "../life/log.ts";
import { Chain } from "./chain.ts";
import { fileSigner } from "./signer.ts";

/**
 * The chain of this process, and who it says it is.
 *
 * @throws LoadError when the signing key cannot be used: a proxy that should sign does not start without
 */
export function openChain(
  { audit, proxy, policy }: ProxyConfig,
  configFile: string,
  worker: number | undefined,
  log: Log,
): Chain {
  const { signing } = audit;
  return new Chain({
    writer: {
      proxy: proxy.name,
      namespace: proxy.namespace,
      cluster: proxy.cluster,
      host: hostname(),
      pid: process.pid,
      worker,
      version: version(),
      policy: policy.digest,
      commit: policy.commit,
    },
    signer: signing && fileSigner(resolve(dirname(configFile), signing.keyFile)),
    every: signing?.every ?? Number.POSITIVE_INFINITY,
    onCheckpoint: (end, signed) => log.log("info", "audit checkpoint", { ...end, signed }),
    onBroken: (where) =>
      log.log("error", "the records before this start are not as they were written", { where }),
    onSignFailure: (error) => log.log("error", "an audit checkpoint could not be signed", { error }),
  });
}
