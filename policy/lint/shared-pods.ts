import type { Model, Service } from "../model/types.ts";

/** Two in-mesh services that certainly share pods: every pod of `inner` is one of `outer`, and both use a port of it. */
export interface SharedPods {
  readonly outer: Service;
  readonly inner: Service;
  readonly targetPort: number;
}

/**
 * Services of one namespace where the labels of one selector hold those of the other, with a target port in common.
 * Found by one label of each selector, so that a namespace of a thousand services is not compared pair by pair.
 */
export function* sharedPods(model: Model): Iterable<SharedPods> {
  const byLabel = new Map<string, Service[]>();
  const placed = [...model.services.values()].flatMap((service) => {
    const { location } = service.spec;
    return location.type === "mesh" ? [{ service, location }] : [];
  });
  for (const { service, location } of placed) {
    const [label] = Object.entries(location.selector).sort();
    for (const port of targetPorts(service)) {
      const key = keyOf(location.namespace, port, label);
      const services = byLabel.get(key);
      if (services) services.push(service);
      else byLabel.set(key, [service]);
    }
  }
  for (const { service: inner, location } of placed) {
    for (const targetPort of targetPorts(inner)) {
      for (const label of Object.entries(location.selector)) {
        for (const outer of byLabel.get(keyOf(location.namespace, targetPort, label)) ?? []) {
          if (outer !== inner && holds(inner, outer) && shareCluster(outer, inner))
            yield { outer, inner, targetPort };
        }
      }
    }
  }
}

function targetPorts(service: Service): Set<number> {
  return new Set(service.ports.map(({ targetPort }) => targetPort));
}

function keyOf(namespace: string, port: number, label: readonly [string, string] | undefined): string {
  return `${namespace} ${port} ${label?.[0]}=${label?.[1]}`;
}

/** Every label of `outer` is one of `inner`; of two equal selectors, only the pair in the order of names counts. */
function holds(inner: Service, outer: Service): boolean {
  const [a, b] = [selectorOf(inner), selectorOf(outer)];
  const same = Object.keys(a).length === Object.keys(b).length;
  return Object.entries(b).every(([key, value]) => a[key] === value) && (!same || outer.name < inner.name);
}

function selectorOf(service: Service): Readonly<Record<string, string>> {
  return service.spec.location.type === "mesh" ? service.spec.location.selector : {};
}

function shareCluster(a: Service, b: Service): boolean {
  return a.clusters.some((cluster) => b.clusters.includes(cluster));
}
