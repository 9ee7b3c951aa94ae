import type { Via } from "../../decide/rule.ts";
import type { Rule, Service, Workload } from "../../model/types.ts";
import { type Admitted, admitted, mayBePods } from "../../plan/admitted.ts";
import { servicePortKey } from "../../plan/listener-ports.ts";
import { HBONE_PORT } from "../../plan/proxy-mounts.ts";
import { type Context, podPorts, proxyPorts } from "./context.ts";
import type { NetworkPolicyPeer } from "./objects.ts";
import { OUTSIDE, pods, proxyPods, reachedFrom } from "./peers.ts";

/** Somewhere that a workload's grants lead to. */
export interface Destination {
  readonly peer: NetworkPolicyPeer;
  readonly ports: readonly number[];
  /** Name of the service that is reached there. */
  readonly service: string;
}

/** TLS port of Istio's east-west gateway. */
const EAST_WEST_PORT = 15_443;

/**
 * Where each workload of the cluster may go, by its id: found by walking the services once, not by asking for every pair.
 *
 * @param allow which allows count
 * @param services where to look. @default all
 */
export function destinations(
  context: Context,
  allow: (rule: Rule) => boolean,
  services: Iterable<Service> = context.model.services.values(),
): ReadonlyMap<string, readonly Destination[]> {
  const byWorkload = new Map<string, Destination[]>();
  const local = [...context.model.workloads.values()].filter((workload) =>
    workload.clusters.includes(context.cluster.name),
  );
  const byNamespace = Map.groupBy(local, (workload) => workload.namespace);
  const who = ({ workloads, namespaces, addresses, agents, refuses }: Admitted): readonly Workload[] => {
    const named = mayBePods(addresses)
      ? local
      : [
          ...[...workloads].flatMap((id) => context.peers.workloads(id)),
          ...[...namespaces].flatMap((namespace) => byNamespace.get(namespace) ?? []),
        ];
    // An agent is judged as itself, whatever is denied to the workload that it runs as.
    const identities = [...agents].flatMap(
      (name) => context.model.agents.get(name)?.decision.workloads ?? [],
    );
    return [
      ...new Set([
        ...named.filter(({ spiffeId }) => !refuses(spiffeId)),
        ...identities.flatMap((id) => context.peers.workloads(id)),
      ]),
    ];
  };
  for (const service of services) {
    const rules = context.rules.get(service.name) ?? [];
    for (const { port } of service.ports) {
      for (const via of ["mesh", "proxy"] as const) {
        const to = leadsTo(context, service, port, via, rules);
        if (to.length === 0) continue;
        for (const workload of who(admitted(rules, port, via, allow))) {
          const list = byWorkload.get(workload.id);
          if (list) list.push(...to);
          else byWorkload.set(workload.id, [...to]);
        }
      }
    }
  }
  return byWorkload;
}

function leadsTo(
  context: Context,
  service: Service,
  port: number,
  via: Via,
  rules: readonly Rule[],
): Destination[] {
  if (via === "proxy")
    return service.clusters.includes(context.cluster.name) ? throughProxy(context, service, port, rules) : [];
  const { location } = service.spec;
  if (location.type === "mesh") return inMesh(context, service, port, location);
  const gateway = context.cluster.egressGateway;
  if (service.enforcement !== "gateway" || !gateway) return [];
  const planned = context.gatewayPorts.get(servicePortKey(service.name, port));
  const ports =
    context.cluster.dataPlane === "ambient" ? [HBONE_PORT] : planned === undefined ? [] : [planned];
  if (ports.length === 0) return [];
  return [{ peer: pods(gateway.namespace, gateway.selector), ports, service: service.name }];
}

function inMesh(
  context: Context,
  service: Service,
  port: number,
  location: Extract<Service["spec"]["location"], { type: "mesh" }>,
): Destination[] {
  const served = service.ports.find((candidate) => candidate.port === port);
  const ports = served ? podPorts(context, service, served) : [];
  const found: Destination[] = [];
  if (service.clusters.includes(context.cluster.name)) {
    found.push({ peer: pods(location.namespace, location.selector), ports, service: service.name });
  }
  const { clusters } = context.model.trust.spec;
  for (const other of clusters.filter(({ name }) => service.clusters.includes(name))) {
    const how = reachedFrom(context.cluster, other);
    if (how === "not") continue;
    const there =
      how === "direct" ? ports : [context.cluster.dataPlane === "ambient" ? HBONE_PORT : EAST_WEST_PORT];
    found.push(...OUTSIDE.map((peer) => ({ peer, ports: there, service: service.name })));
  }
  return found;
}

/**
 * An external service has a listener of its own; one in the mesh is named on the shared port, and so is any that people or
 * agents may reach, because a workload may carry their credential.
 */
function throughProxy(
  context: Context,
  service: Service,
  port: number,
  rules: readonly Rule[],
): Destination[] {
  const ports: number[] = [];
  const listener = context.listenerPorts.get(servicePortKey(service.name, port));
  if (listener !== undefined) ports.push(listener);
  if (needsConnect(service, rules)) ports.push(context.model.trust.spec.proxy.connectPort);
  if (ports.length === 0) return [];
  const peer = proxyPods(context.model, context.proxyLabels(service.name));
  return [{ peer, ports: proxyPorts(context, ports), service: service.name }];
}

/** True when clients of the service use the proxy's shared port. */
export function needsConnect(service: Service, rules: readonly Rule[]): boolean {
  return (
    service.enforcement !== "proxy" ||
    rules.some(
      ({ action, subjects }) =>
        action === "allow" &&
        subjects.users.length +
          subjects.idpGroups.length +
          subjects.awsRoles.length +
          subjects.agents.length >
          0,
    )
  );
}
