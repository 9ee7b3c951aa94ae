import { servicesByShard } from "../../plan/proxied-services.ts";
import { managedLabels, type Target } from "../target.ts";
import { type Context, kubeTarget } from "./context.ts";
import type { KubernetesObject, ServiceAccount } from "./objects.ts";
import { proxyAutoscaler } from "./proxy-autoscaler.ts";
import { proxyConfigMap } from "./proxy-config-map.ts";
import { proxyDeployment } from "./proxy-deployment.ts";
import { proxyDisruptionBudget } from "./proxy-disruption-budget.ts";
import { proxyNetworkPolicy } from "./proxy-network-policy.ts";
import { makeShard } from "./proxy-pods.ts";
import { connectService, podsService, proxyService } from "./proxy-service.ts";

/**
 * All objects of the proxy but its namespace, which is not ours to own: other things may live there. None, when no service
 * is behind the proxy.
 *
 * @param configs the configuration of each shard, as JSON
 */
export function proxyObjects(
  context: Context,
  configs: ReadonlyMap<number, string>,
): Target<KubernetesObject>[] {
  const { model, cluster } = context;
  const trust = `Trust/${model.trust.name}`;
  const targets: Target<KubernetesObject>[] = [];
  const add = (object: KubernetesObject, ...causes: string[]) => {
    targets.push(kubeTarget("TcpProxy", "proxy", [trust, ...causes], object));
  };
  const shards = servicesByShard(model, cluster);
  if (shards.size > 0) add(serviceAccount(context));
  for (const [number, services] of shards) {
    const shard = makeShard(model, number);
    const all = services.map((service) => `Service/${service.name}`);
    add(proxyDeployment(context, shard, services));
    add(proxyConfigMap(context, shard, configs.get(number) ?? "{}"), ...all);
    add(connectService(context, shard, services));
    add(proxyDisruptionBudget(shard));
    add(proxyAutoscaler(context, shard));
    add(proxyNetworkPolicy(context, shard, services), ...all);
    for (const service of services) {
      const pods = podsService(context, service);
      if (pods) add(pods, `Service/${service.name}`);
      if (service.enforcement !== "proxy") continue;
      const object = proxyService(context, shard, service);
      if (object) add(object, `Service/${service.name}`);
    }
  }
  return targets;
}

function serviceAccount({ model }: Context): ServiceAccount {
  const { namespace, serviceAccount: name } = model.trust.spec.proxy;
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace, labels: managedLabels("proxy") },
    automountServiceAccountToken: false,
  };
}
