import { joinName } from "../model/names.ts";
import type { Cluster, Service } from "../model/types.ts";

/** True for a service in the mesh that the proxy reaches by HBONE: behind ztunnel, and not one that takes plaintext. */
export function dialledByHbone(service: Service, cluster: Cluster): boolean {
  const { location, tls } = service.spec;
  return cluster.dataPlane === "ambient" && location.type === "mesh" && tls.mode !== "none";
}

/**
 * Name of the Kubernetes Service without an address that lists a service's pods in DNS: HBONE is spoken to a pod, and a
 * cluster IP has no port for it.
 */
export function podsServiceName(service: Service): string {
  return joinName(["portreeve", service.name, "pods"]);
}

/** The DNS name of it. */
export function podsHost(service: Service, namespace: string, cluster: Cluster): string {
  return `${podsServiceName(service)}.${namespace}.svc.${cluster.clusterDomain}`;
}
