/** A reference to the object that made another one: the `ownerReferences` item with `controller: true`. */
export interface Controller {
  readonly kind: string;
  readonly name: string;
}

/**
 * The kinds that stand for a workload to the people who run it. Above them may be an operator's own kind
 * (a `Prometheus` makes a StatefulSet), which is not followed: two operators may use one name.
 */
const WORKLOADS: ReadonlySet<string> = new Set([
  "CronJob",
  "DaemonSet",
  "Deployment",
  "DeploymentConfig",
  "Job",
  "ReplicaSet",
  "ReplicationController",
  "Rollout",
  "StatefulSet",
]);

/** Finds the controller of an object that was given; `undefined` when it has none or was not given. */
export type ControllerOf = (kind: string, name: string) => Controller | undefined;

/**
 * The name of the topmost known owner of a pod or workload: the end of the chain of controllers, as far as the
 * objects at hand tell it. A pod's controller counts even if it was not given itself, as its reference names it; so a
 * lone pod of a Deployment belongs to its ReplicaSet. The exception is a Node, which makes mirror pods.
 */
export function topmostOwner(kind: string, name: string, controllerOf: ControllerOf): string {
  let current: Controller = { kind, name };
  const seen = new Set<string>();
  while (!seen.has(`${current.kind}/${current.name}`)) {
    seen.add(`${current.kind}/${current.name}`);
    const above = controllerOf(current.kind, current.name);
    const followed = current.kind === "Pod" ? above?.kind !== "Node" : WORKLOADS.has(above?.kind ?? "");
    if (above === undefined || !followed) return current.name;
    current = above;
  }
  return current.name;
}
