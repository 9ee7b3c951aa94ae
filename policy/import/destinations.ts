import { compareText, type Position } from "../finding.ts";
import type { Pod } from "../kubernetes/reach/index.ts";
import { canonicalJson } from "../model/canonical.ts";
import { joinName } from "../model/names.ts";
import type { KubeServiceObject } from "./objects.ts";
import { type PortProtocol, portProtocol } from "./protocol.ts";
import type { Placed } from "./read.ts";
import type { NoEqual } from "./types.ts";

export interface DestinationPort extends PortProtocol {
  /** As clients use it. */
  readonly port: number;
  readonly targetPort: number;
}

/** A Kubernetes Service in the mesh, before it is a Service of Portreeve. */
export interface Destination {
  /** Name of the Service object. */
  readonly name: string;
  readonly serviceName: string;
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly DestinationPort[];
  /** One of each kind of pod that it selects; one with just its labels where the folder has none. */
  readonly pods: readonly Pod[];
  /** False where the folder has no pod for it. */
  readonly podsKnown: boolean;
  /** Other Services of the same pods. */
  readonly also: readonly string[];
  readonly position: Position;
}

/** What the Services of the folder lead to; Services of the same pods become one, because policies see pods and ports. */
export function findDestinations(
  services: readonly Placed<KubeServiceObject>[],
  inMesh: readonly Pod[],
  outside: readonly Pod[],
  noEqual: NoEqual[],
): Destination[] {
  const found = services.flatMap((service) => destination(service, inMesh, outside, noEqual) ?? []);
  const groups = Map.groupBy(found, ({ namespace, selector }) => `${namespace} ${canonicalJson(selector)}`);
  return named([...groups.values()].map(joined)).sort((a, b) => compareText(a.name, b.name));
}

function destination(
  { object, namespace, name, position }: Placed<KubeServiceObject>,
  inMesh: readonly Pod[],
  outside: readonly Pod[],
  noEqual: NoEqual[],
): (Destination & { readonly headless: boolean }) | undefined {
  const { spec } = object;
  const selector = spec.selector ?? {};
  const subject = `Service ${namespace}/${name}`;
  const skip = (message: string) => {
    noEqual.push({ subject, message, position });
    return undefined;
  };
  if (spec.type === "ExternalName")
    return skip("an ExternalName is a DNS alias; write an external Service if it is one");
  if (Object.keys(selector).length === 0)
    return skip("it has no selector, so no pod's sidecar or ztunnel guards it; left as it is");
  const selected = (pods: readonly Pod[]) =>
    pods.filter((pod) => pod.namespace === namespace && selects(selector, pod.labels));
  const pods = distinct(selected(inMesh));
  if (pods.length === 0 && selected(outside).length > 0) {
    return skip(
      "its pods are not in the mesh, so no sidecar or ztunnel guards them and no policy of Istio's applies; left as it is",
    );
  }
  if (selected(outside).length > 0)
    skip("some of its pods are not in the mesh: on those nobody is refused, today and after");
  const tcp = (spec.ports ?? []).filter(({ protocol }) => (protocol ?? "TCP") === "TCP");
  const ports = tcp.flatMap((port): DestinationPort[] => {
    const targetPort = resolveTarget(port.targetPort ?? port.port, pods);
    if (targetPort === undefined) {
      skip(
        `port ${port.port} leads to the container port "${port.targetPort}", which is not one number on its pods in the folder; left out`,
      );
      return [];
    }
    return [
      {
        port: port.port,
        targetPort,
        ...portProtocol({ number: port.port, name: port.name, appProtocol: port.appProtocol }),
      },
    ];
  });
  if (ports.length === 0) return undefined;
  const stand: Pod = {
    workload: `${namespace}/${name}`,
    namespace,
    labels: selector,
    annotations: {},
    ports: [],
    hostNetwork: false,
    serviceAccount: "default",
  };
  return {
    name,
    serviceName: name,
    namespace,
    selector,
    ports,
    pods: pods.length > 0 ? pods : [stand],
    podsKnown: pods.length > 0,
    also: [],
    position,
    headless: spec.clusterIP === "None",
  };
}

export function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** A named port is the container port of that name; undefined where pods disagree or none is known. */
function resolveTarget(target: number | string, pods: readonly Pod[]): number | undefined {
  if (typeof target === "number") return target;
  const numbers = new Set(
    pods.flatMap((pod) =>
      pod.ports.filter((port) => port.name === target && port.protocol === "TCP").map(({ port }) => port),
    ),
  );
  const [only, ...more] = numbers;
  return more.length === 0 ? only : undefined;
}

/** Pods that differ in nothing that a policy or a port name sees. */
function distinct(pods: readonly Pod[]): Pod[] {
  return [...new Map(pods.map((pod) => [canonicalJson({ ...pod, workload: "" }), pod])).values()];
}

type Candidate = Destination & { readonly headless: boolean };

/** One of several Services with the same selector: the first with an address of its own, with the ports of all. */
function joined(group: readonly Candidate[]): Destination {
  const sorted = [...group].sort(
    (a, b) => Number(a.headless) - Number(b.headless) || compareText(a.name, b.name),
  );
  const [first, ...rest] = sorted;
  if (first === undefined) throw new RangeError("unreachable: a group holds at least one");
  const ports = new Map<number, DestinationPort>();
  for (const port of sorted.flatMap((each) => each.ports)) {
    if (!ports.has(port.port)) ports.set(port.port, port);
  }
  const { headless: _, ...plain } = first;
  return {
    ...plain,
    ports: [...ports.values()].sort((a, b) => a.port - b.port),
    also: rest.map(({ name }) => name),
  };
}

/** Names are unique among the Services of an estate, and a Kubernetes Service's only within its namespace. */
function named(all: readonly Destination[]): Destination[] {
  const count = new Map<string, number>();
  for (const { name } of all) count.set(name, (count.get(name) ?? 0) + 1);
  const taken = new Set<string>();
  return all.map((each) => {
    let name = count.get(each.name) === 1 ? each.name : joinName([each.name, each.namespace]);
    for (let i = 2; taken.has(name); i++) name = joinName([each.name, each.namespace, String(i)]);
    taken.add(name);
    return { ...each, name };
  });
}
