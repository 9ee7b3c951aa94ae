import { compareFindings, type Finding } from "../finding.ts";
import { canonicalJson } from "../model/canonical.ts";
import { brokenChains } from "./aws/broken-chains.ts";
import { compileAws } from "./aws/compile.ts";
import type { AwsObject } from "./aws/objects.ts";
import { compileIstio } from "./istio/index.ts";
import type { IstioObject } from "./istio/objects.ts";
import { compileKubernetes } from "./kubernetes/compile.ts";
import type { KubernetesObject } from "./kubernetes/objects.ts";
import { compileProxy } from "./proxy/compile.ts";
import type { ProxyShard } from "./proxy/shard.ts";
import type { Compiled, CompileInput } from "./target.ts";

/** Everything that a policy set becomes in one cluster. */
export interface CompiledAll {
  readonly istio: Compiled<IstioObject>;
  readonly kubernetes: Compiled<KubernetesObject>;
  readonly aws: Compiled<AwsObject>;
  readonly proxy: Compiled<ProxyShard>;
  /** Of all compilers, in order. With an `error` among them, nothing may be deployed. */
  readonly findings: readonly Finding[];
}

/** Compiles for every target. The compilers know nothing of each other: the proxy's configuration is handed over here. */
export function compileAll(input: CompileInput): CompiledAll {
  const istio = compileIstio(input);
  const proxy = compileProxy(input);
  const configs = new Map(proxy.targets.map(({ object }) => [object.shard, canonicalJson(object.config)]));
  const kubernetes = compileKubernetes(input, configs);
  const aws = compileAws(input);
  const findings = [istio, proxy, kubernetes, aws].flatMap((compiled) => compiled.findings);
  const chains = brokenChains(input.model, input.cluster, aws, findings);
  return {
    istio,
    kubernetes,
    aws,
    proxy,
    findings: [...findings, ...chains].sort(compareFindings),
  };
}
