import { compareFindings, compareText } from "../../finding.ts";
import type { Compiled, CompileInput, Target } from "../target.ts";
import { makeContext } from "./context.ts";
import { egressPolicies } from "./network-policy-egress.ts";
import { ingressPolicies } from "./network-policy-ingress.ts";
import { objectSizeFindings } from "./object-size.ts";
import type { KubernetesObject } from "./objects.ts";
import { proxyObjects } from "./proxy.ts";
import { serviceAccounts } from "./service-account.ts";

/**
 * The Kubernetes objects of one cluster: service accounts, NetworkPolicies, and the proxy.
 *
 * @param proxyConfigs the proxy's configuration as JSON, by shard; see `compileProxy`
 */
export function compileKubernetes(
  input: CompileInput,
  proxyConfigs: ReadonlyMap<number, string>,
): Compiled<KubernetesObject> {
  const context = makeContext(input);
  const targets: Target<KubernetesObject>[] = [...serviceAccounts(context)];
  for (const service of input.model.services.values()) {
    if (service.clusters.includes(input.cluster.name)) targets.push(...ingressPolicies(context, service));
  }
  targets.push(...egressPolicies(context), ...proxyObjects(context, proxyConfigs));
  return {
    targets: targets.sort((a, b) => compareText(a.key, b.key)),
    findings: [...context.findings, ...objectSizeFindings(targets)].sort(compareFindings),
  };
}
