import { hasLabels } from "../consistency/world.ts";
import { hostsMatch, isWildcard, isWithin } from "./host.ts";
import type {
  EgressListener,
  Labels,
  Registered,
  RoutingWorld,
  Sidecar,
  VirtualService,
  WrittenDestination,
} from "./world.ts";

/** The proxy that dials: a pod's sidecar, or a gateway. */
export interface Client {
  readonly namespace: string;
  readonly labels: Labels;
}

/** One `egress` entry of a Sidecar, or what stands for it where there is none: everything that is exported. */
export interface EgressScope {
  readonly written: EgressListener | undefined;
  readonly services: readonly Registered[];
  readonly virtualServices: readonly VirtualService[];
}

/** What a client's proxy knows of (pilot/pkg/model/sidecar.go). */
export interface Scope {
  readonly client: Client;
  readonly sidecar: Sidecar | undefined;
  readonly egress: readonly EgressScope[];
  /** By host; what the proxy has clusters for. */
  readonly services: ReadonlyMap<string, Registered>;
  readonly outbound: { readonly mode: string; readonly egressProxy: WrittenDestination | undefined };
}

export function scopeOf(world: RoutingWorld, client: Client): Scope {
  const sidecar = sidecarFor(world, client);
  const listeners = sidecar?.spec.egress ?? [];
  const egress = (listeners.length > 0 ? listeners : [undefined]).map((listener) =>
    egressScope(world, client, listener),
  );
  const policy = sidecar?.spec.outboundTrafficPolicy;
  return {
    client,
    sidecar,
    egress,
    services: importedServices(world, client, egress),
    outbound: {
      // In a Sidecar the mode left out is REGISTRY_ONLY, the zero value of the enumeration.
      mode: policy ? (policy.mode ?? "REGISTRY_ONLY") : world.settings.outbound,
      egressProxy: policy?.egressProxy ?? undefined,
    },
  };
}

/** A gateway knows everything that is exported to its namespace, and no Sidecar applies to it. */
export function gatewayScope(world: RoutingWorld, client: Client): Scope {
  const egress = [egressScope(world, client, undefined)];
  const services = new Map<string, Registered>();
  for (const service of exportedTo(world, client.namespace)) appendService(services, service);
  return {
    client,
    sidecar: undefined,
    egress,
    services,
    outbound: { mode: "REGISTRY_ONLY", egressProxy: undefined },
  };
}

/** One for the pod's labels, else one for the namespace, else the mesh's own; the oldest where several compete. */
function sidecarFor({ sidecars, mesh }: RoutingWorld, { namespace, labels }: Client): Sidecar | undefined {
  const own = sidecars.filter((sidecar) => sidecar.namespace === namespace);
  return (
    own.find(({ selector }) => selector !== undefined && hasLabels(selector, labels)) ??
    own.find(({ selector }) => selector === undefined) ??
    sidecars.find((one) => one.namespace === mesh.rootNamespace && one.selector === undefined)
  );
}

/** Hosts that an egress listener imports from a namespace, `*` being all of them. */
interface Imported {
  readonly hosts: string[];
  readonly excluded: string[];
}

function egressScope(world: RoutingWorld, client: Client, written: EgressListener | undefined): EgressScope {
  const imports = new Map<string, Imported>();
  for (const host of written?.hosts ?? ["*/*"]) {
    const [at = "", name = "", ...more] = host.split("/");
    if (more.length > 0 || !host.includes("/")) continue;
    const excluded = at.startsWith("~");
    const stated = excluded ? at.slice(1) || "*" : at;
    const namespace = stated === "." ? client.namespace : stated;
    const entry = imports.get(namespace) ?? { hosts: [], excluded: [] };
    imports.set(namespace, entry);
    (excluded ? entry.excluded : entry.hosts).push(name);
  }
  const virtualServices = exportedRoutes(world, client.namespace).filter((route) =>
    selectsRoute(imports, route),
  );
  const port = written?.port?.number ?? 0;
  const candidates = exactOnly(imports)
    ? exactServices(world, client.namespace, imports)
    : exportedTo(world, client.namespace);
  const services = candidates.flatMap((service) => {
    if (!selectsService(imports, service)) return [];
    return port === 0 ? [service] : withPort(service, port);
  });
  return { written, services: onePerHost(services, client.namespace), virtualServices };
}

/** Services that are exported to a namespace by name come before those that are for everybody. */
function exportedTo(world: RoutingWorld, namespace: string): Registered[] {
  const everybody = (service: Registered): boolean =>
    service.exportTo.length === 0 || service.exportTo.includes("*");
  return [
    ...world.services.filter((one) => !everybody(one) && isExportedTo(one, namespace)),
    ...world.services.filter(everybody),
  ];
}

function isExportedTo({ exportTo, namespace: own }: Registered, namespace: string): boolean {
  if (exportTo.length === 0 || exportTo.includes("*")) return true;
  if (exportTo.includes("~")) return false;
  return exportTo.includes(namespace) || (exportTo.includes(".") && own === namespace);
}

/** In the order of istiod's index: private ones, those exported by name, those for everybody. */
function exportedRoutes({ virtualServices }: RoutingWorld, namespace: string): VirtualService[] {
  const all = virtualServices.filter(({ gateways }) => gateways.includes("mesh"));
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

/** The VirtualServices that a gateway's proxy reads for one of its Gateways, in istiod's order. */
export function routesForGateway(
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

function selectsService(imports: ReadonlyMap<string, Imported>, { host, namespace }: Registered): boolean {
  const entries = [imports.get(namespace), imports.get("*")];
  if (entries.some((entry) => entry?.excluded.some((excluded) => isWithin(host, excluded)))) return false;
  return entries.some((entry) => entry?.hosts.some((imported) => isWithin(host, imported)));
}

/** Either name may be the wider one: a route for `*.example.com` is taken when `db.example.com` is imported. */
function selectsRoute(imports: ReadonlyMap<string, Imported>, { hosts, namespace }: VirtualService): boolean {
  const entries = [imports.get(namespace), imports.get("*")];
  return entries.some((entry) =>
    hosts.some(
      (host) =>
        entry?.hosts.some((imported) => hostsMatch(host, imported)) === true &&
        !entries.some((one) => one?.excluded.some((excluded) => isWithin(host, excluded))),
    ),
  );
}

function exactOnly(imports: ReadonlyMap<string, Imported>): boolean {
  return [...imports].every(
    ([namespace, { hosts }]) => (namespace !== "*" || hosts.length === 0) && !hosts.some(isWildcard),
  );
}

/**
 * With nothing but exact hosts istiod looks services up by host and namespace, where one row is kept for each: of a
 * ServiceEntry with several addresses only the first is taken.
 */
function exactServices(
  world: RoutingWorld,
  client: string,
  imports: ReadonlyMap<string, Imported>,
): Registered[] {
  return world.services.filter(
    (service) =>
      imports.get(service.namespace)?.hosts.includes(service.host) === true &&
      isExportedTo(service, client) &&
      indexed(world, service.host, service.namespace) === service,
  );
}

/** The row that istiod's index keeps for a host in a namespace: the oldest, but a Kubernetes Service before all others. */
function indexed(world: RoutingWorld, host: string, namespace: string): Registered | undefined {
  const rows = world.services.filter((one) => one.host === host && one.namespace === namespace);
  return rows.find(({ kind }) => kind === "kubernetes") ?? rows[0];
}

function withPort(service: Registered, port: number): Registered[] {
  const found = service.ports.find(({ number }) => number === port);
  if (found === undefined) return [];
  return [service.ports.length === 1 ? service : { ...service, ports: [found] }];
}

/** One namespace is chosen for each host: the client's own, else a Kubernetes Service's, else the first. */
function onePerHost(services: readonly Registered[], client: string): Registered[] {
  const chosen = new Map<string, { namespace: string; kind: Registered["kind"] }>();
  for (const { host, namespace, kind } of services) {
    const existing = chosen.get(host);
    const takes =
      existing === undefined ||
      namespace === client ||
      (existing.kind !== "kubernetes" && kind === "kubernetes" && existing.namespace !== client);
    if (takes) chosen.set(host, { namespace, kind });
  }
  return services.filter(({ host, namespace }) => chosen.get(host)?.namespace === namespace);
}

/** What the egress listeners import, and what the routes that they import lead to, though it is not imported itself. */
function importedServices(
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

function withPorts(service: Registered, ports: ReadonlySet<number>): Registered | undefined {
  if (ports.has(0)) return service;
  const found = service.ports.filter(({ number }) => ports.has(number));
  if (found.length === 0) return undefined;
  return found.length === service.ports.length ? service : { ...service, ports: found };
}

/** The first row of a host stays, but a Kubernetes Service takes its place; ports of rows that are alike add up. */
function appendService(services: Map<string, Registered>, service: Registered): void {
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
