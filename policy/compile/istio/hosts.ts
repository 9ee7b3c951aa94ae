import { createHash } from "node:crypto";
import { joinName } from "../../model/names.ts";
import type { Cluster, Service } from "../../model/types.ts";
import { canonicalHost } from "../../plan/collisions.ts";
import { hasRef } from "../../schema/index.ts";
import type { IstioContext } from "./context.ts";

/** The DNS name of a Kubernetes Service in a cluster. */
export function serviceHost(name: string, namespace: string, cluster: Cluster): string {
  return `${name}.${namespace}.svc.${cluster.clusterDomain}`;
}

/** The Kubernetes name of an in-mesh service; undefined for an external one. */
export function meshHost(service: Service, cluster: Cluster): string | undefined {
  const { location } = service.spec;
  if (location.type !== "mesh") return undefined;
  return serviceHost(location.serviceName ?? service.name, location.namespace, cluster);
}

/** The Kubernetes Service by which the proxy serves an external service. */
export function proxyHost(context: IstioContext, service: Service): string {
  return serviceHost(service.name, context.proxyNamespace, context.cluster);
}

/** Name of the Kubernetes Service by which the egress gateway serves an external service; it must start with a letter. */
export function gatewayServiceName(service: Service): string {
  return joinName(["egress", service.name]);
}

/** The hosts of a service that Istio can route, in their canonical spelling; see `unroutableHost`. */
export function routableHosts(service: Service): string[] {
  return [...new Set(service.hosts.map(canonicalHost))].filter((host) => unroutableHost(host) === undefined);
}

/** Why Istio cannot route TCP to a host; undefined when it can. */
export function unroutableHost(host: string): string | undefined {
  if (hasRef(host)) return undefined;
  if (host.startsWith("*")) {
    return "a wildcard has no address, so a TCP connection to it cannot be told from any other";
  }
  if (host.includes("_")) return "Istio refuses an underscore in a host";
  if (!host.includes("."))
    return "a host without a dot is a short name, which Istio completes with a namespace";
  return undefined;
}

/**
 * Name of an object that stands for one host of a service. The first host is what the service is known by; others carry a
 * hash, because a host may be long, or a reference that is not known yet.
 */
export function hostObjectName(service: Service, host: string): string {
  const [first] = service.hosts;
  if (first !== undefined && canonicalHost(first) === host) return service.name;
  return joinName([service.name, hostHash(host)]);
}

/** A short name for a host that is valid as a label and as a subset. */
export function hostHash(host: string): string {
  return `h${createHash("sha256").update(host).digest("hex").slice(0, 8)}`;
}
