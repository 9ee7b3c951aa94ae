import type { Labels, Pod } from "../../kubernetes/reach/index.ts";
import { planeOf } from "./server-mode.ts";
import { hasLabels, isGateway, type MeshService, type World } from "./world.ts";

/** Who may dial: the sidecars of a namespace, or those of its pods that a DestinationRule is for alone. */
export interface Client {
  readonly namespace: string;
  readonly labels: Labels;
}

/**
 * Every kind of client whose proxy reads DestinationRules. A namespace counts when it has pods with sidecars, or when
 * objects are in it and nothing says that it is outside of the mesh or in ambient mode. Gateways have rules of their own
 * for secrets and are not looked at.
 */
export function clientsOf(world: World): readonly Client[] {
  const sidecars = world.cluster.pods.filter(
    (pod) => planeOf(world, pod) === "sidecar" && !isGateway(world, pod.labels),
  );
  const mentioned = [...world.rules, ...world.services, ...world.peers.map(({ metadata }) => metadata)]
    .map(({ namespace }) => namespace ?? "default")
    .concat([...world.cluster.declared])
    .filter(
      (namespace) => namespace !== world.rootNamespace && planeOf(world, blankPod(namespace)) === "sidecar",
    );
  const namespaces = [...new Set([...sidecars.map(({ namespace }) => namespace), ...mentioned])].sort();
  return namespaces.flatMap((namespace) => {
    const pods = sidecars.filter((pod) => pod.namespace === namespace);
    const selectors = world.rules.flatMap(({ namespace: at, selector }) =>
      at === namespace && selector !== undefined ? [selector] : [],
    );
    // Where no pod is given, there may be one of each that a rule is for.
    const chosen = selectors.filter(
      (selector) => pods.length === 0 || pods.some(({ labels }) => hasLabels(selector, labels)),
    );
    return [{}, ...chosen].map((labels) => ({ namespace, labels }));
  });
}

/** A pod of which nothing is known but its namespace, and labels that are asked of it. */
export function blankPod(namespace: string, name = "", labels: Labels = {}): Pod {
  return {
    workload: `${namespace}/${name}`,
    namespace,
    labels,
    annotations: {},
    ports: [],
    hostNetwork: false,
    serviceAccount: "default",
  };
}

/** Whether clients in a namespace know of a service at all. */
export function isVisible({ exportTo, namespace }: MeshService, client: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((to) => to === "*" || to === client || (to === "." && namespace === client));
}
