import type { Context } from "./context.ts";
import type { HorizontalPodAutoscaler } from "./objects.ts";
import type { Shard } from "./proxy-pods.ts";

/** Grows by CPU at once, and shrinks slowly: every pod taken away ends the long sessions that it carries. */
export function proxyAutoscaler(context: Context, shard: Shard): HorizontalPodAutoscaler {
  const { replicas, maxReplicas } = context.model.trust.spec.proxy;
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: shard.name, namespace: shard.namespace, labels: shard.labels },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: shard.name },
      minReplicas: replicas,
      maxReplicas: Math.max(replicas, maxReplicas),
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 60 } },
        },
      ],
      behavior: {
        scaleDown: {
          stabilizationWindowSeconds: 600,
          policies: [{ type: "Pods", value: 1, periodSeconds: 300 }],
        },
      },
    },
  };
}
