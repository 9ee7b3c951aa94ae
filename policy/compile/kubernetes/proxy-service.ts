import type { Service as PolicyService } from "../../model/types.ts";
import { dialledByHbone, podsServiceName } from "../../plan/hbone-pods.ts";
import { servicePortKey } from "../../plan/listener-ports.ts";
import { tokenLoginPorts } from "../../plan/token-login.ts";
import { findingAt } from "../report.ts";
import { managedLabels } from "../target.ts";
import type { Context } from "./context.ts";
import type { Service } from "./objects.ts";
import type { Shard } from "./proxy-pods.ts";

/** The port on which people and agents name the service that they want, and those on which a token is a password. */
export function connectService(context: Context, shard: Shard, services: readonly PolicyService[]): Service {
  const { connectPort } = context.model.trust.spec.proxy;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: shard.name, namespace: shard.namespace, labels: shard.labels },
    spec: {
      type: "ClusterIP",
      selector: shard.podLabels,
      // `tls-`: what arrives is TLS, which a sidecar of the client must not take apart.
      ports: [
        { name: "tls-connect", protocol: "TCP", port: connectPort, targetPort: connectPort },
        ...tokenLoginPorts(services).map((port) => ({
          name: `tcp-token-${port}`,
          protocol: "TCP" as const,
          port,
          targetPort: port,
        })),
      ],
    },
  };
}

/** The proxy's side of one external service: the ports that clients use, each led to its listener. */
export function proxyService(context: Context, shard: Shard, service: PolicyService): Service | undefined {
  const { name } = service;
  const blamed = { kind: "Service", id: name, position: service.position } as const;
  if (/^portreeve-proxy(-\d+)?$/.test(name)) {
    context.findings.push(
      findingAt(
        "PR210",
        "error",
        blamed,
        `the name ${name} is taken by the proxy's own Kubernetes Service`,
        "give the Service another name",
      ),
    );
    return undefined;
  }
  if (/^\d/.test(name)) {
    context.findings.push(
      findingAt(
        "PR210",
        "error",
        blamed,
        `${name} becomes a Kubernetes Service, whose name must start with a letter`,
        "give the Service a name that starts with a letter",
      ),
    );
    return undefined;
  }
  const ports = service.ports.flatMap((port) => {
    const targetPort = context.listenerPorts.get(servicePortKey(name, port.port));
    return targetPort === undefined
      ? []
      : [{ name: port.name, protocol: "TCP" as const, port: port.port, targetPort }];
  });
  if (ports.length === 0) return undefined;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace: shard.namespace,
      labels: { ...service.labels, ...managedLabels(name) },
    },
    spec: { type: "ClusterIP", selector: shard.podLabels, ports },
  };
}

/** The pods of a service behind ztunnel, for the proxy to find: HBONE goes to one of them, and is told its own port. */
export function podsService({ cluster }: Context, service: PolicyService): Service | undefined {
  const { location } = service.spec;
  if (location.type !== "mesh" || !dialledByHbone(service, cluster)) return undefined;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: podsServiceName(service),
      namespace: location.namespace,
      labels: { ...service.labels, ...managedLabels(service.name) },
    },
    spec: {
      type: "ClusterIP",
      clusterIP: "None",
      selector: location.selector,
      ports: service.ports.map(({ name, port, targetPort }) => ({ name, protocol: "TCP", port, targetPort })),
    },
  };
}
