import type { Finding } from "../../finding.ts";
import type { Target } from "../target.ts";
import type { KubernetesObject } from "./objects.ts";

/** etcd refuses a request larger than this, and so the API server an object. */
export const MAX_OBJECT_BYTES = 1.5 * 1024 * 1024;

/** An object that the API server would refuse for its size is found here, not in the middle of a deployment. */
export function objectSizeFindings(targets: readonly Target<KubernetesObject>[]): Finding[] {
  return targets.flatMap(({ object, causes }): Finding[] => {
    // A ConfigMap has a limit of its own, which is lower.
    if (object.kind !== "NetworkPolicy") return [];
    const bytes = Buffer.byteLength(JSON.stringify(object));
    if (bytes <= MAX_OBJECT_BYTES) return [];
    const { namespace, name } = object.metadata;
    const subject = causes.find((cause) => cause.startsWith("Service/") || cause.startsWith("Workload/"));
    return [
      {
        rule: "PR517",
        severity: "error",
        message: `NetworkPolicy ${namespace}/${name} has ${bytes} bytes; the API server takes ${MAX_OBJECT_BYTES}`,
        fix: "grant whole namespaces instead of so many workloads, or divide the service",
        ...(subject !== undefined && { object: subject }),
      },
    ];
  });
}
