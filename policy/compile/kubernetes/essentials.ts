import type { Cluster, Model, Service } from "../../model/types.ts";
import { awsEndpointHosts } from "../../plan/aws-endpoints.ts";
import type { NetworkPolicyEgress } from "./objects.ts";
import { block, OUTSIDE, pods, tcp } from "./peers.ts";

/** EKS Pod Identity's agent, on every node: credentials come from here. */
const POD_IDENTITY_AGENT = ["169.254.170.23/32", "fd00:ec2::23/128"];

/** Names are resolved. */
export function toDns({ dns }: Cluster): NetworkPolicyEgress {
  return {
    to: [pods(dns.namespace, dns.selector)],
    ports: [
      { protocol: "TCP", port: 53 },
      { protocol: "UDP", port: 53 },
    ],
  };
}

/** A sidecar, or the proxy, gets its configuration and certificate. (ztunnel does that for pods in ambient mode.) */
export function toIstiod({ trust }: Model): NetworkPolicyEgress {
  return { to: [pods(trust.spec.rootNamespace, { app: "istiod" })], ports: [tcp(15_012)] };
}

/** The Kubernetes API server, at its own addresses. */
export function toApiServer({ apiServerCidrs, apiServerPort }: Cluster): NetworkPolicyEgress {
  return { to: apiServerCidrs.map((cidr) => block(cidr)), ports: [tcp(apiServerPort)] };
}

export function toPodIdentityAgent(): NetworkPolicyEgress {
  return { to: POD_IDENTITY_AGENT.map((cidr) => block(cidr)), ports: [tcp(80)] };
}

/**
 * HTTPS to endpoints of AWS (STS, Secrets Manager …). AWS publishes no addresses for them that an IP rule could name, so
 * any address outside is let through on 443, unless the policies define the endpoint as an external Service with
 * `endpoints` (an interface VPC endpoint has fixed addresses).
 */
export function toAwsEndpoints(
  model: Model,
  services: readonly string[],
  region: string | undefined,
): { egress: NetworkPolicyEgress; named: boolean } {
  const hosts = services.map((service) => awsEndpointHosts(service, region));
  const found = hosts.map((names) => staticEndpoints(model, names));
  const named = found.every((addresses) => addresses.length > 0);
  const to = named ? [...new Set(found.flat())].sort().map((cidr) => block(cidr)) : OUTSIDE;
  return { egress: { to, ports: [tcp(443)] }, named };
}

function staticEndpoints(model: Model, hosts: readonly string[]): string[] {
  const services = [...model.services.values()].filter(
    ({ spec, hosts: own }) => spec.resolution === "static" && own.some((host) => hosts.includes(host)),
  );
  return services.flatMap((service: Service) => service.spec.endpoints.map(hostBlock));
}

/** The block that holds one address only. */
export function hostBlock(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}
