import { indexed, isExportedTo } from "./exported.ts";
import type { Client, EgressScope } from "./scope.ts";
import type { Labels, Registered, RoutingWorld, VirtualService } from "./world.ts";

/** What the egress listeners import, and what the routes that they import lead to, though it is not imported itself. */
export function importedServices(
  world: RoutingWorld,
  client: Client,
  egress: readonly EgressScope[],
): ReadonlyMap<string, Registered> {
  const services = new Map<string, Registered>();
  for (const { written, services: own, virtualServices } of egress) {
    for (const service of own) appendService(services, service);
    const listenerPort = written?.port?.number ?? 0;
    for (const route of virtualServices) {
      for (const [host, ports] of destinationsOf(route, client.namespace)) {
        const found = visibleService(world, host, client.namespace);
        if (found === undefined) continue;
        const matched = listenerPort === 0 ? withPorts(found, ports) : withPort(found, listenerPort)[0];
        if (matched !== undefined) appendService(services, matched);
      }
    }
  }
  return services;
}

/** Hosts that routes lead to with the ports that they name; 0 where one names none. */
function destinationsOf({ tcp, tls, http }: VirtualService, client: string): Map<string, Set<number>> {
  const hosts = new Map<string, Set<number>>();
  const forClient = http.filter(({ namespaces }) => namespaces.length === 0 || namespaces.includes(client));
  for (const { route } of [...forClient, ...tcp, ...tls]) {
    for (const { destination } of route) {
      const ports = hosts.get(destination.host) ?? new Set();
      hosts.set(destination.host, ports.add(destination.port?.number ?? 0));
    }
  }
  return hosts;
}

function visibleService(world: RoutingWorld, host: string, client: string): Registered | undefined {
  const namespaces = new Set(
    world.services.filter((one) => one.host === host).map(({ namespace }) => namespace),
  );
  if (namespaces.has(client)) return indexed(world, host, client);
  const visible = [...namespaces].flatMap((namespace) => {
    const row = indexed(world, host, namespace);
    return row !== undefined && isExportedTo(row, client) ? [row] : [];
  });
  return (
    visible.find(({ kind }) => kind === "kubernetes") ??
    visible.toSorted((a, b) => world.services.indexOf(a) - world.services.indexOf(b))[0]
  );
}

export function withPort(service: Registered, port: number): Registered[] {
  const found = service.ports.find(({ number }) => number === port);
  if (found === undefined) return [];
  return [service.ports.length === 1 ? service : { ...service, ports: [found] }];
}

function withPorts(service: Registered, ports: ReadonlySet<number>): Registered | undefined {
  if (ports.has(0)) return service;
  const found = service.ports.filter(({ number }) => ports.has(number));
  if (found.length === 0) return undefined;
  return found.length === service.ports.length ? service : { ...service, ports: found };
}

/** The first row of a host stays, but a Kubernetes Service takes its place; ports of rows that are alike add up. */
export function appendService(services: Map<string, Registered>, service: Registered): void {
  const existing = services.get(service.host);
  if (existing === undefined) {
    services.set(service.host, service);
    return;
  }
  if (existing.kind === "kubernetes" && service.kind !== "kubernetes") return;
  if (existing.kind !== "kubernetes" && service.kind === "kubernetes") {
    services.set(service.host, service);
    return;
  }
  if (!mergeable(existing, service)) return;
  // Target ports of the first entry stay, also for what is added (`overrides`).
  const more = service.ports.filter(({ number }) => !existing.ports.some((port) => port.number === number));
  if (more.length > 0) services.set(service.host, { ...existing, ports: [...existing.ports, ...more] });
}

function mergeable(a: Registered, b: Registered): boolean {
  const look = ({ namespace, resolution, kind, labels, selector, exportTo }: Registered): string =>
    JSON.stringify([
      namespace,
      resolution,
      kind,
      entries(labels),
      entries(selector ?? {}),
      [...exportTo].sort(),
    ]);
  return look(a) === look(b);
}

function entries(labels: Labels): [string, string][] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
