import { sortedSet } from "../../model/canonical.ts";
import { spiffeId } from "../../model/names.ts";
import type { Model, Service } from "../../model/types.ts";

/**
 * The SPIFFE IDs that a service in the mesh may answer with: of its service account, or of the Workloads whose pods its
 * selector selects.
 */
export function meshPeer(model: Model, service: Service): string[] {
  const { location } = service.spec;
  if (location.type !== "mesh") return [];
  if (location.serviceAccount !== undefined) {
    return [spiffeId(model.trust.spec.trustDomain, location.namespace, location.serviceAccount)];
  }
  const served = [...model.workloads.values()].filter(
    ({ namespace, spec }) =>
      namespace === location.namespace &&
      spec.selector !== undefined &&
      holds(spec.selector, location.selector),
  );
  return sortedSet(served.map((workload) => workload.spiffeId));
}

/** True when pods with the labels `all` have the labels `some`. */
function holds(all: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>): boolean {
  return Object.entries(some).every(([key, value]) => all[key] === value);
}
