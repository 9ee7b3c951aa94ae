import type { Registered, RoutingWorld, VirtualService } from "./world.ts";

/** Services that are exported to a namespace by name come before those that are for everybody. */
export function exportedTo(world: RoutingWorld, namespace: string): Registered[] {
  const everybody = (service: Registered): boolean =>
    service.exportTo.length === 0 || service.exportTo.includes("*");
  return [
    ...world.services.filter((one) => !everybody(one) && isExportedTo(one, namespace)),
    ...world.services.filter(everybody),
  ];
}

export function isExportedTo({ exportTo, namespace: own }: Registered, namespace: string): boolean {
  if (exportTo.length === 0 || exportTo.includes("*")) return true;
  if (exportTo.includes("~")) return false;
  return exportTo.includes(namespace) || (exportTo.includes(".") && own === namespace);
}

/**
 * The VirtualServices that a proxy reads for one of its gateways (`mesh` for a sidecar), in the order of istiod's index:
 * private ones, those exported by name, those for everybody.
 */
export function routesFor(
  { virtualServices }: RoutingWorld,
  namespace: string,
  gateway: string,
): VirtualService[] {
  const all = virtualServices.filter(({ gateways }) => gateways.includes(gateway));
  const everybody = ({ exportTo }: VirtualService): boolean =>
    exportTo.length === 0 || exportTo.includes("*");
  const named = all.filter(
    (one) => !everybody(one) && !one.exportTo.includes("~") && one.exportTo.includes(namespace),
  );
  return [
    ...named.filter((one) => one.namespace === namespace),
    ...named.filter((one) => one.namespace !== namespace),
    ...all.filter(everybody),
  ];
}

/** The row that istiod's index keeps for a host in a namespace: the oldest, but a Kubernetes Service before all others. */
export function indexed(world: RoutingWorld, host: string, namespace: string): Registered | undefined {
  const rows = world.services.filter((one) => one.host === host && one.namespace === namespace);
  return rows.find(({ kind }) => kind === "kubernetes") ?? rows[0];
}
