import type { Service } from "../../model/types.ts";
import { planGatewayPorts } from "../../plan/gateway-ports.ts";
import { servicePortKey } from "../../plan/listener-ports.ts";
import type { Target } from "../target.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, NETWORKING } from "./emit.ts";
import { gatewayServiceName, routableHosts } from "./hosts.ts";
import type { IstioObject } from "./objects.ts";

/** A port of a service with the port that the gateway has for it alone. */
export interface GatewayPort {
  readonly port: number;
  readonly listener: number;
  readonly name: string;
}

/** One gateway port for each port of each service: the gateway knows a TCP service by its port only. */
export function gatewayPorts(context: IstioContext, service: Service): GatewayPort[] {
  const planned = planGatewayPorts(context.model);
  return service.ports.flatMap(({ port, name }) => {
    const listener = planned.get(servicePortKey(service.name, port));
    return listener === undefined ? [] : [{ port, listener, name }];
  });
}

/**
 * The gateway's servers for an external service, and a Kubernetes Service of their own: the gateway's own Service belongs
 * to somebody else, and has none of these ports.
 */
export function gateways(context: IstioContext, service: Service): Target<IstioObject>[] {
  const gateway = context.cluster.egressGateway;
  const ambient = context.cluster.dataPlane === "ambient";
  if (service.enforcement !== "gateway" || !gateway || ambient) return [];
  const hosts = routableHosts(service);
  const ports = gatewayPorts(context, service);
  if (hosts.length === 0 || ports.length === 0) return [];
  const causes = [`Service/${service.name}`];
  const metadata = (name: string) => ({
    name,
    namespace: gateway.namespace,
    labels: labelsOf(service, service.name),
  });
  return [
    emit("TcpService", service.name, causes, {
      apiVersion: NETWORKING,
      kind: "Gateway",
      metadata: metadata(service.name),
      spec: {
        selector: gateway.selector,
        // The client's sidecar wraps the connection in Istio's mutual TLS: without it the gateway would know nobody.
        servers: ports.map(({ listener, name }) => ({
          port: { number: listener, name, protocol: "TLS" },
          hosts,
          tls: { mode: "ISTIO_MUTUAL" },
        })),
      },
    }),
    emit("TcpService", service.name, causes, {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata(gatewayServiceName(service)),
      spec: {
        selector: gateway.selector,
        // Opaque to Istio, whatever is inside: the gateway's mutual TLS is around it.
        ports: ports.map(({ port, listener }) => ({
          name: `tcp-${port}`,
          port,
          targetPort: listener,
          protocol: "TCP",
        })),
      },
    }),
  ];
}
