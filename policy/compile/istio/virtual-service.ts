import type { Service } from "../../model/types.ts";
import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, NETWORKING } from "./emit.ts";
import { gatewayPorts } from "./gateway.ts";
import {
  gatewayServiceName,
  hostHash,
  hostObjectName,
  proxyHost,
  routableHosts,
  serviceHost,
} from "./hosts.ts";
import type { IstioObject, RouteDestination, TcpRoute, TlsRoute, VirtualService } from "./objects.ts";
import { exportTo } from "./scope.ts";
import { effectiveServerNames } from "./server-names.ts";
import { isPassthrough } from "./service-entry.ts";

/** Routes an external service's hosts to its enforcement point. None in ambient: ztunnel reads no VirtualService. */
export function virtualServices(context: IstioContext, service: Service): Target<IstioObject>[] {
  if (context.cluster.dataPlane === "ambient") return [];
  switch (service.enforcement) {
    case "workload":
      return [];
    case "proxy":
      return toProxy(context, service);
    case "gateway":
      return throughGateway(context, service);
  }
}

function toProxy(context: IstioContext, service: Service): Target<IstioObject>[] {
  const hosts = routableHosts(service);
  if (hosts.length === 0) return [];
  const home = context.proxyNamespace;
  const destination = (port: number): RouteDestination => ({
    destination: { host: proxyHost(context, service), port: { number: port } },
  });
  const ports = service.ports.map(({ port }) => port);
  const names = effectiveServerNames(service);
  const routes = isPassthrough(service)
    ? {
        tls: ports.map(
          (port): TlsRoute => ({ match: [{ port, sniHosts: names }], route: [destination(port)] }),
        ),
      }
    : { tcp: ports.map((port): TcpRoute => ({ match: [{ port }], route: [destination(port)] })) };
  return [
    virtualService(service, service.name, home, {
      // Istio refuses a server name that none of the hosts covers.
      hosts: isPassthrough(service) ? [...new Set([...hosts, ...names])] : hosts,
      gateways: ["mesh"],
      ...routes,
      exportTo: exportTo(context, service, home),
    }),
  ];
}

/** Client → gateway's port → real host. One object for each host, because a TCP route cannot tell hosts apart. */
function throughGateway(context: IstioContext, service: Service): Target<IstioObject>[] {
  const gateway = context.cluster.egressGateway;
  if (!gateway) return [];
  const home = gateway.namespace;
  const atGateway = `${home}/${service.name}`;
  const gatewayHost = serviceHost(gatewayServiceName(service), home, context.cluster);
  const listeners = gatewayPorts(context, service);
  return routableHosts(service).map((host) => {
    const names = service.hosts.length === 1 ? effectiveServerNames(service) : [host];
    const entry = (port: number): RouteDestination => ({
      destination: { host: gatewayHost, subset: hostHash(host), port: { number: port } },
    });
    const exits = listeners.map(
      ({ port, listener }): TcpRoute => ({
        match: [{ port: listener, gateways: [atGateway] }],
        route: [{ destination: { host, port: { number: port } } }],
      }),
    );
    const routes = isPassthrough(service)
      ? {
          tls: listeners.map(
            ({ port }): TlsRoute => ({
              match: [{ port, sniHosts: names, gateways: ["mesh"] }],
              route: [entry(port)],
            }),
          ),
          tcp: exits,
        }
      : {
          tcp: [
            ...listeners.map(
              ({ port }): TcpRoute => ({ match: [{ port, gateways: ["mesh"] }], route: [entry(port)] }),
            ),
            ...exits,
          ],
        };
    return virtualService(service, hostObjectName(service, host), home, {
      hosts: isPassthrough(service) ? [...new Set([host, ...names])] : [host],
      gateways: ["mesh", atGateway],
      ...routes,
      exportTo: exportTo(context, service, home),
    });
  });
}

function virtualService(
  service: Service,
  name: string,
  namespace: string,
  spec: VirtualService["spec"],
): Target<IstioObject> {
  return emit("TcpService", service.name, [`Service/${service.name}`], {
    apiVersion: NETWORKING,
    kind: "VirtualService",
    metadata: { name, namespace, labels: labelsOf(service, service.name) },
    spec,
  });
}
