import type { Pod } from "../kubernetes/reach/index.ts";
import { selects } from "./destinations.ts";
import type { Estate } from "./read.ts";

/** The pods of an egress gateway, and how others know them. */
export interface EgressGateway {
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly service: string;
  readonly serviceAccount: string;
  readonly pods: readonly Pod[];
}

/** Istio's own egress gateway, where the folder has no pods of it. */
const ISTIO_OWN = {
  namespace: "istio-system",
  service: "istio-egressgateway",
  serviceAccount: "istio-egressgateway",
};

/**
 * The egress gateway that VirtualServices send these hosts through, and the port of its pods for each port of the service;
 * undefined when some port goes there directly.
 */
export function routeThroughGateway(
  hosts: readonly string[],
  ports: readonly number[],
  estate: Estate,
): { readonly at: EgressGateway; readonly ports: ReadonlyMap<number, number> } | undefined {
  const found = new Map<number, number>();
  let at: EgressGateway | undefined;
  for (const { object, namespace } of estate.virtualServices) {
    for (const { match, route } of [...(object.spec.tcp ?? []), ...(object.spec.tls ?? [])]) {
      const destination = (route ?? []).map((each) => each.destination).find((to) => hosts.includes(to.host));
      const entry = (match ?? []).find(({ gateways }) => gateways?.some((name) => name !== "mesh"));
      const name = (entry?.gateways ?? object.spec.gateways ?? []).find((each) => each !== "mesh");
      if (destination === undefined || name === undefined) continue;
      const gateway = gatewayOf(name, namespace, estate);
      const listens = entry?.port ?? gateway?.ports[0];
      if (gateway === undefined || typeof listens !== "number") continue;
      at ??= gateway.at;
      const port = destination.port?.number ?? (ports.length === 1 ? ports[0] : undefined);
      if (port !== undefined) found.set(port, podPort(gateway.at, listens, estate));
    }
  }
  return at && ports.every((port) => found.has(port)) ? { at, ports: found } : undefined;
}

function gatewayOf(
  name: string,
  namespace: string,
  estate: Estate,
): { readonly at: EgressGateway; readonly ports: readonly number[] } | undefined {
  const slash = name.indexOf("/");
  const [home, plain] = slash < 0 ? [namespace, name] : [name.slice(0, slash), name.slice(slash + 1)];
  const gateway = estate.gateways.find((each) => each.namespace === home && each.name === plain);
  const selector = gateway?.object.spec.selector ?? {};
  if (gateway === undefined || Object.keys(selector).length === 0) return undefined;
  const pods = estate.cluster.pods.filter((pod) => selects(selector, pod.labels));
  const [pod] = pods;
  const where = pod?.namespace ?? ISTIO_OWN.namespace;
  const service = estate.services.find(
    ({ object, namespace: of }) =>
      of === where &&
      Object.keys(object.spec.selector ?? {}).length > 0 &&
      selects(object.spec.selector ?? {}, pod?.labels ?? selector),
  );
  const stand: Pod = {
    workload: `${where}/${ISTIO_OWN.service}`,
    namespace: where,
    labels: selector,
    annotations: {},
    ports: [],
    hostNetwork: false,
    serviceAccount: ISTIO_OWN.serviceAccount,
  };
  return {
    at: {
      namespace: where,
      selector,
      service: service?.name ?? ISTIO_OWN.service,
      serviceAccount: pod?.serviceAccount ?? ISTIO_OWN.serviceAccount,
      pods: pods.length > 0 ? pods : [stand],
    },
    ports: (gateway.object.spec.servers ?? []).map(({ port }) => port.number),
  };
}

/** A policy at the gateway sees the port that its pods listen on. */
function podPort(at: EgressGateway, port: number, estate: Estate): number {
  const service = estate.services.find((each) => each.namespace === at.namespace && each.name === at.service);
  const target = service?.object.spec.ports?.find((each) => each.port === port)?.targetPort;
  return typeof target === "number" && target > 0 ? target : port;
}
