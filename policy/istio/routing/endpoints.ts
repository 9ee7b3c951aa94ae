import { blankPod } from "../consistency/clients.ts";
import { planeOf } from "../consistency/server-mode.ts";
import { hasLabels } from "../consistency/world.ts";
import type { Labels, NamedEndpoint, Pod, Registered, RegistryPort, RoutingWorld } from "./world.ts";

/** Something that a destination is dialled at. */
export interface Endpoint {
  /** Undefined where the pod's address is not known from the objects. */
  readonly address: string | undefined;
  readonly port: number;
  readonly labels: Labels;
  /** Undefined for what is not a pod that objects name. */
  readonly pod: Pod | undefined;
  /** Whether Istio takes it to terminate Istio's mTLS: a pod with a sidecar, or what says so by label or identity. */
  readonly takesMtls: boolean;
  /** True for a pod that no object describes: one with the labels of the Service's selector. */
  readonly imagined: boolean;
}

/** What a service's port is dialled at, by EndpointSlices where they are there, else by the selector. */
export function endpointsOf(
  world: RoutingWorld,
  service: Registered,
  port: RegistryPort,
): readonly Endpoint[] {
  return service.kind === "kubernetes"
    ? kubernetesEndpoints(world, service, port)
    : entryEndpoints(world, service, port);
}

/** Addresses, or `pod namespace/name` where a pod's address is not known. */
export function endpointAddresses(
  world: RoutingWorld,
  service: Registered,
  port: RegistryPort,
): readonly string[] {
  return endpointsOf(world, service, port).map(({ address, pod }) => address ?? `pod ${pod?.workload ?? ""}`);
}

function kubernetesEndpoints(world: RoutingWorld, service: Registered, port: RegistryPort): Endpoint[] {
  const slices = world.slices.filter(
    (slice) => slice.namespace === service.namespace && slice.service === service.name,
  );
  if (slices.length > 0) {
    return slices.flatMap(({ addresses, ports }) => {
      const found = ports.find(({ name }) => name === port.name);
      if (found === undefined) return [];
      return addresses.map((address) => {
        const pod = world.podAddresses.get(address);
        return pod === undefined ? plain(address, found.port) : ofPod(world, pod, found.port);
      });
    });
  }
  const { selector } = service;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const pods = podsWith(world, service.namespace, selector);
  if (pods.length > 0) {
    return pods.flatMap((pod) => {
      const number = portOf(port, pod);
      return number === undefined ? [] : [ofPod(world, pod, number)];
    });
  }
  if (typeof port.target === "string") return [];
  const pod = blankPod(service.namespace, service.name, selector);
  return [{ ...ofPod(world, pod, port.target), imagined: true }];
}

function portOf({ target }: RegistryPort, pod: Pod): number | undefined {
  if (typeof target === "number") return target;
  return pod.ports.find(({ name, protocol }) => name === target && protocol === "TCP")?.port;
}

function podsWith({ mesh }: RoutingWorld, namespace: string, selector: Labels): Pod[] {
  return mesh.cluster.pods.filter((pod) => pod.namespace === namespace && hasLabels(selector, pod.labels));
}

function ofPod(world: RoutingWorld, pod: Pod, port: number): Endpoint {
  const label = pod.labels["security.istio.io/tlsMode"];
  // What injection will do is taken as done; a pod that is already running carries the label itself.
  const takesMtls = label === undefined ? planeOf(world.mesh, pod) === "sidecar" : label === "istio";
  return { address: world.addressOf.get(pod), port, labels: pod.labels, pod, takesMtls, imagined: false };
}

function plain(address: string, port: number): Endpoint {
  return { address, port, labels: {}, pod: undefined, takesMtls: false, imagined: false };
}

/** Entries for one host in one namespace share their endpoints, each with its own target port. */
function entryEndpoints(
  world: RoutingWorld,
  { host, namespace }: Registered,
  { number }: RegistryPort,
): Endpoint[] {
  const entries = new Map(
    world.services
      .filter((one) => one.kind === "entry" && one.host === host && one.namespace === namespace)
      .map((one) => [one.id, one]),
  );
  return [...entries.values()].flatMap((entry) => {
    const port = entry.ports.find((one) => one.number === number);
    return port === undefined ? [] : ownEndpoints(world, entry, port);
  });
}

function ownEndpoints(world: RoutingWorld, service: Registered, port: RegistryPort): Endpoint[] {
  const { selector, namespace, resolution, host } = service;
  if (selector !== undefined) {
    const target = typeof port.target === "number" ? port.target : port.number;
    const pods = podsWith(world, namespace, selector).flatMap((pod) => ofPod(world, pod, target));
    const entries = world.workloadEntries
      .filter((entry) => entry.namespace === namespace && hasLabels(selector, entry.labels))
      .map(({ endpoint }) => named(endpoint, port));
    return [...pods, ...entries];
  }
  if (service.endpoints.length > 0) return service.endpoints.map((endpoint) => named(endpoint, port));
  return resolution === "dns" ? [plain(host, Number(port.target))] : [];
}

function named({ address, ports, labels, serviceAccount }: NamedEndpoint, port: RegistryPort): Endpoint {
  const label = labels["security.istio.io/tlsMode"];
  return {
    address,
    port: ports[port.name] ?? Number(port.target),
    labels,
    pod: undefined,
    takesMtls: label === undefined ? serviceAccount !== undefined : label === "istio",
    imagined: false,
  };
}

/** What is at an address, without a look at any Service. */
export function endpointAt(world: RoutingWorld, address: string, port: number): Endpoint {
  const isSymbol = address.startsWith("pod ");
  const pod =
    world.podAddresses.get(address) ??
    (isSymbol ? world.mesh.cluster.pods.find(({ workload }) => address === `pod ${workload}`) : undefined);
  return {
    address: isSymbol ? undefined : address,
    port,
    labels: pod?.labels ?? {},
    pod,
    takesMtls: false,
    imagined: false,
  };
}

/** What Kubernetes itself dials for an address: the endpoints of the Service that has it, else what is there. */
export function endpointsAtAddress(world: RoutingWorld, address: string, port: number): readonly Endpoint[] {
  const service = serviceAt(world, address, port);
  const at = service?.ports.find(({ number }) => number === port);
  if (service === undefined || at === undefined || service.kind !== "kubernetes") {
    return [endpointAt(world, address, port)];
  }
  return endpointsOf(world, service, at);
}

export function serviceAt({ services }: RoutingWorld, address: string, port: number): Registered | undefined {
  return services.find(
    (one) =>
      [one.address, ...one.moreAddresses].includes(address) &&
      one.ports.some(({ number }) => number === port),
  );
}
