import { hasLabels } from "../consistency/world.ts";
import { exportedTo, indexed, isExportedTo, routesFor } from "./exported.ts";
import { hostsMatch, isWildcard, isWithin } from "./host.ts";
import { appendService, importedServices, withPort } from "./imported.ts";
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
export function sidecarFor(
  { sidecars, mesh }: RoutingWorld,
  { namespace, labels }: Client,
): Sidecar | undefined {
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
  const virtualServices = routesFor(world, client.namespace, "mesh").filter((route) =>
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
