import type { Finding } from "../../finding.ts";
import type { Agent, Cluster, Model, Rule, Service } from "../../model/types.ts";
import { planListenerPorts } from "../../plan/listener-ports.ts";
import { servicesByShard, shardName } from "../../plan/proxied-services.ts";
import { loginUsersOf } from "../../plan/proxy-login.ts";
import { PROXY_DRAIN, PROXY_MOUNTS } from "../../plan/proxy-mounts.ts";
import type { Compiled, CompileInput, Target } from "../target.ts";
import { proxyAgents } from "./agents.ts";
import type { ProxyConfigInput } from "./config.ts";
import { proxyIdentityProviders } from "./identity-providers.ts";
import { proxyListeners } from "./listeners.ts";
import { checkLogins } from "./login.ts";
import { proxyRules } from "./rules.ts";
import { proxyDuration } from "./scalar.ts";
import { proxyService } from "./services.ts";
import type { ProxyShard } from "./shard.ts";
import { checkTokenLogins } from "./token-login.ts";

/**
 * The configuration of each shard of the proxy. A shard holds its own services and their rules, and every agent: an agent
 * that a shard did not know would be judged there as a plain workload.
 *
 * A model without a service behind the proxy has no shard.
 */
export function compileProxy(input: CompileInput): Compiled<ProxyShard> {
  const { model, cluster } = input;
  const findings: Finding[] = [...checkLogins(model, cluster), ...checkTokenLogins(model, cluster)];
  const rules = Map.groupBy(
    model.rules.filter((rule) => rule.via.includes("proxy")),
    (rule) => rule.service,
  );
  const ports = planListenerPorts(model);
  const agents = proxyAgents(model);
  const targets: Target<ProxyShard>[] = [];
  for (const [shard, services] of servicesByShard(model, cluster)) {
    const rulesOf = (service: Service) => rules.get(service.name) ?? [];
    const ownRules = services.flatMap(rulesOf);
    const name = shardName(shard);
    targets.push({
      key: `ProxyConfig/${name}`,
      owner: "TcpProxy",
      subject: "proxy",
      causes: causesOf(services, ownRules, model.agents.values()),
      object: {
        shard,
        name,
        services: services.map((service) => service.name),
        config: {
          ...shardConfig(model, cluster, name),
          listeners: proxyListeners(model, cluster, services, ports, findings),
          services: services.map((service) =>
            proxyService({ model, cluster, service, rules: rulesOf(service), findings }),
          ),
          rules: services.flatMap((service) =>
            proxyRules(rulesOf(service), (rule) => loginUsersOf(service, rule)),
          ),
          agents,
        },
      },
    });
  }
  return { targets, findings };
}

/** What is the same for every service of a shard. */
function shardConfig(
  model: Model,
  cluster: Cluster,
  name: string,
): Omit<ProxyConfigInput, "listeners" | "services" | "rules" | "agents"> {
  const { spec } = model.trust;
  return {
    version: 1,
    policy: { digest: model.digest },
    proxy: { name, namespace: spec.proxy.namespace, cluster: cluster.name },
    trust: {
      trustDomain: spec.trustDomain,
      aliases: [...spec.trustDomainAliases].sort(),
      bundles: spec.federation.map(({ trustDomain, bundle }) => ({ trustDomain, file: bundle })),
    },
    certificate: {
      source: "istiod",
      address: `istiod.${spec.rootNamespace}.svc:15012`,
      ca: `${PROXY_MOUNTS.istioRoot.dir}/${PROXY_MOUNTS.istioRoot.file}`,
      token: `${PROXY_MOUNTS.istioToken.dir}/${PROXY_MOUNTS.istioToken.file}`,
      // In a multi-cluster mesh istiod asks the cluster of this name to review the token; alone it has its default name.
      ...(spec.clusters.length > 1 && { clusterId: cluster.name }),
      lifetime: proxyDuration(spec.defaults.certificateTtl),
    },
    identityProviders: proxyIdentityProviders(model),
    ...(spec.proxy.auditSigning !== undefined && {
      audit: { signing: { keyFile: `${PROXY_MOUNTS.audit.dir}/${PROXY_MOUNTS.audit.file}` } },
    }),
    admin: { socket: `${PROXY_MOUNTS.run.dir}/${PROXY_MOUNTS.run.admin}` },
    drain: { deadline: `${PROXY_DRAIN.deadlineSeconds}s`, delay: `${PROXY_DRAIN.delaySeconds}s` },
  };
}

function causesOf(services: readonly Service[], rules: readonly Rule[], agents: Iterable<Agent>): string[] {
  const causes = [
    ...services.map((service) => `Service/${service.name}`),
    ...rules.map((rule) => `Grant/${rule.id}`),
    ...[...agents].map((agent) => `Agent/${agent.name}`),
  ];
  return [...new Set(causes)].sort();
}
