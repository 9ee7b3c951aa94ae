import ipaddr from "ipaddr.js";
import type { Finding } from "../finding.ts";
import type { Service } from "../model/types.ts";
import { hasRef } from "../schema/index.ts";

/** One DNS name has one spelling: lower case, no trailing dot. A `${ref:…}` stays as it is. */
export function canonicalHost(host: string): string {
  return hasRef(host) ? host : host.toLowerCase().replace(/\.$/, "");
}

/**
 * PR250: a host that two services claim. Istio keeps one ServiceEntry and gives the host the wrong address or none
 * (istio#55266, #29197).
 */
export function hostCollisions(services: readonly Service[]): Finding[] {
  const claims = new Map<string, Service>();
  const findings: Finding[] = [];
  for (const service of services) {
    for (const host of new Set(service.hosts.map(canonicalHost))) {
      const first = claims.get(host);
      if (!first) claims.set(host, service);
      else {
        findings.push(
          collision(
            "PR250",
            service,
            `Service ${service.name} and Service ${first.name} both claim the host ${host}: Istio would route it to one of them`,
            "give each host to one Service; a Service may have several ports",
          ),
        );
      }
    }
  }
  return findings;
}

/**
 * PR251: two services with the same address and port. Their connections cannot be told apart, so traffic of one reaches
 * the other (istio#11741).
 */
export function addressCollisions(services: readonly Service[]): Finding[] {
  const claims = new Map<string, Service>();
  const findings: Finding[] = [];
  for (const service of services) {
    for (const address of new Set(service.spec.addresses.map(canonicalAddress))) {
      for (const { port } of service.ports) {
        const key = `${address} ${port}`;
        const first = claims.get(key);
        if (!first) claims.set(key, service);
        else {
          findings.push(
            collision(
              "PR251",
              service,
              `Service ${service.name} and Service ${first.name} both use ${address} port ${port}: a connection to it could reach either`,
              "give one of them another address, or leave `addresses` out to have one planned",
            ),
          );
        }
      }
    }
  }
  return findings;
}

function canonicalAddress(address: string): string {
  return hasRef(address) || !ipaddr.isValid(address) ? address : ipaddr.process(address).toString();
}

function collision(rule: string, service: Service, message: string, fix: string): Finding {
  return {
    rule,
    severity: "error",
    message,
    fix,
    object: `Service/${service.name}`,
    ...(service.position && { position: service.position }),
  };
}
