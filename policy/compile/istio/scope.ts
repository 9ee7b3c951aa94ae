import { sortedSet } from "../../model/canonical.ts";
import type { Service } from "../../model/types.ts";
import { NO_CLIENTS } from "./clients.ts";
import type { IstioContext } from "./context.ts";

/**
 * The namespaces that see a service's routing: those of its clients and the one that the objects are in, never `*` unless
 * the Service says so. Seen more widely, an entry can black-hole or capture traffic of others (istio#48055).
 */
export function exportTo(context: IstioContext, service: Service, home: string): string[] {
  const stated = service.spec.exportTo;
  // Grants that are deployed apart from the service are not known here; who wants it narrow states `exportTo`.
  if (stated?.includes("*") || (!stated && context.grouping === "grant")) return ["*"];
  const { namespaces } = context.clients.get(service.name) ?? NO_CLIENTS;
  const named = (stated ?? namespaces).filter((namespace) => namespace !== "." && namespace !== home);
  return [".", ...sortedSet(named)];
}
