import type { Service } from "../../model/types.ts";
import { hostKey } from "../../plan/addresses.ts";
import { canonicalHost } from "../../plan/collisions.ts";
import { servicePortKey } from "../../plan/listener-ports.ts";
import { proxyPodLabels } from "../../plan/proxy-shard.ts";
import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, NETWORKING } from "./emit.ts";
import { hostObjectName, routableHosts } from "./hosts.ts";
import type { IstioObject, ServiceEntry, ServiceEntryPort } from "./objects.ts";
import { exportTo } from "./scope.ts";

/**
 * One ServiceEntry for each host of an external service: Istio refuses several hosts with a TCP port, as it could not tell
 * them apart.
 */
export function serviceEntries(context: IstioContext, service: Service): Target<IstioObject>[] {
  const home = homeOf(context, service);
  if (home === undefined) return [];
  return routableHosts(service).map((host) =>
    emit("TcpService", service.name, [`Service/${service.name}`], {
      apiVersion: NETWORKING,
      kind: "ServiceEntry",
      metadata: {
        name: hostObjectName(service, host),
        namespace: home,
        labels: labelsOf(service, service.name),
      },
      spec: {
        hosts: [host],
        ...addresses(context, service, host),
        ...(service.enforcement === "proxy" ? atProxy(context, service) : atGateway(service)),
        exportTo: exportTo(context, service, home),
      },
    }),
  );
}

/** The namespace of a service's routing: the enforcement point's own, so that nobody else can take its hosts over. */
export function homeOf(context: IstioContext, service: Service): string | undefined {
  switch (service.enforcement) {
    case "proxy":
      return context.proxyNamespace;
    case "gateway":
      // ztunnel would route to the real host, past the gateway (PR550): without an entry it has nothing to route.
      return context.cluster.dataPlane === "ambient" ? undefined : context.cluster.egressGateway?.namespace;
    case "workload":
      return undefined;
  }
}

function addresses(context: IstioContext, service: Service, host: string): { addresses?: readonly string[] } {
  const written = service.hosts.find((candidate) => canonicalHost(candidate) === host) ?? host;
  const planned = context.plan.addresses.get(hostKey(service.name, written)) ?? [];
  return planned.length > 0 ? { addresses: planned } : {};
}

type Where = Pick<
  ServiceEntry["spec"],
  "ports" | "location" | "resolution" | "endpoints" | "workloadSelector"
>;

/**
 * The host stands for the proxy's pods, at the proxy's listener port. ztunnel reads no VirtualService, so this is how an
 * ambient client gets to the proxy (by HBONE, with its identity); for a sidecar the VirtualService says the same, and
 * should it ever be missing, the client still ends at the proxy and not at the real host.
 */
function atProxy(context: IstioContext, service: Service): Where {
  return {
    ports: service.ports.map((port) => {
      const targetPort = context.listenerPorts.get(servicePortKey(service.name, port.port));
      return { ...entryPort(service, port), ...(targetPort !== undefined && { targetPort }) };
    }),
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    workloadSelector: { labels: proxyPodLabels(context.model, service.name) },
  };
}

/** The real host: the gateway connects to it, and clients are routed to the gateway by the VirtualService. */
function atGateway(service: Service): Where {
  const { spec } = service;
  const stated = spec.resolution === "none" ? spec.addresses : spec.endpoints;
  return {
    ports: service.ports.map((port) => ({
      ...entryPort(service, port),
      ...(port.targetPort !== port.port && { targetPort: port.targetPort }),
    })),
    location: "MESH_EXTERNAL",
    ...(spec.resolution === "dns"
      ? { resolution: "DNS" }
      : { resolution: "STATIC", endpoints: stated.map((address) => ({ address })) }),
  };
}

/** The protocol is stated, never detected: a server-first protocol would wait for a client that waits for it (istio#35232). */
function entryPort(service: Service, port: Service["ports"][number]): ServiceEntryPort {
  return { number: port.port, name: port.name, protocol: isPassthrough(service) ? "TLS" : "TCP" };
}

/** True when clients speak TLS themselves and are routed by its server name. */
export function isPassthrough(service: Service): boolean {
  return service.spec.tls.mode === "passthrough";
}
