import ipaddr from "ipaddr.js";
import { endpointAddresses, serviceAt } from "./endpoints.ts";
import type { Scope } from "./scope.ts";
import { type Registered, type RoutingWorld, UNSPECIFIED } from "./world.ts";

/** The addresses that a client may dial for a name, and what of that is assumed. */
export interface Resolved {
  readonly addresses: readonly string[];
  readonly service: Registered | undefined;
  readonly notes: readonly string[];
}

/** Stands for an address that only DNS knows: no listener is made for it, and no range has it. */
export function outsideAddress(host: string): string {
  return `${OUTSIDE} ${host}`;
}

const OUTSIDE = "what DNS gives for";

export function isOutside(address: string): boolean {
  return address.startsWith(OUTSIDE);
}

/**
 * What a name in a client's namespace resolves to: `db`, `db.shop`, `db.shop.svc` and the full name for a Service, an
 * address for itself, everything else by the DNS of the world outside, or by Istio's DNS proxy where it is on.
 */
export function resolveName(
  world: RoutingWorld,
  namespace: string,
  name: string,
  port: number,
  scope?: Scope,
): Resolved {
  return resolve(world, namespace, name, port, scope, []);
}

/** @param via names that led here: one that leads back to itself is no address */
function resolve(
  world: RoutingWorld,
  namespace: string,
  written: string,
  port: number,
  scope: Scope | undefined,
  via: readonly string[],
): Resolved {
  if (ipaddr.isValid(written)) {
    return { addresses: [written], service: serviceAt(world, written, port), notes: [] };
  }
  // DNS does not tell capitals from small letters (RFC 4343), and names of objects have none.
  const name = written.toLowerCase();
  const domain = world.settings.clusterDomain;
  const candidates = [
    name,
    `${name}.${namespace}.svc.${domain}`,
    `${name}.svc.${domain}`,
    `${name}.${domain}`,
  ];
  for (const host of candidates) {
    const rows = world.services.filter((one) => one.host === host);
    const service = scope?.services.get(host) ?? rows[0];
    if (service === undefined) continue;
    if (service.kind === "kubernetes") return kubernetesAddresses(world, service, port, namespace, via);
    return entryAddresses(world, service, rows);
  }
  const wildcard = world.services.find(({ host }) => host.startsWith("*") && name.endsWith(host.slice(1)));
  return {
    addresses: [outsideAddress(name)],
    service: wildcard,
    notes: [`no object names ${name}: its address is what DNS says`],
  };
}

function kubernetesAddresses(
  world: RoutingWorld,
  service: Registered,
  port: number,
  namespace: string,
  via: readonly string[],
): Resolved {
  if (service.resolution === "alias") {
    const to = service.aliasOf ?? "";
    if (via.includes(service.host)) {
      const loop = `${[...via, service.host].join(" is another name of ")}: a name that leads to itself has no address`;
      return { addresses: [outsideAddress(service.host)], service, notes: [loop] };
    }
    const next = resolve(world, namespace, to, port, undefined, [...via, service.host]);
    return { ...next, notes: [`${service.id} is another name of ${to}`, ...next.notes] };
  }
  if (service.resolution !== "passthrough") {
    return { addresses: [service.address, ...service.moreAddresses], service, notes: [] };
  }
  const at = service.ports.find(({ number }) => number === port) ?? service.ports[0];
  const addresses = at === undefined ? [] : endpointAddresses(world, service, at);
  const notes = ["a headless Service: its name gives the addresses of its pods"];
  return { addresses, service, notes: addresses.length > 0 ? notes : [...notes, "no pod of it is known"] };
}

function entryAddresses(world: RoutingWorld, service: Registered, rows: readonly Registered[]): Resolved {
  const stated = rows
    .map(({ address }) => address)
    .filter((one) => one !== UNSPECIFIED && !one.includes("/"));
  if (world.settings.dnsCapture && stated.length > 0) {
    return { addresses: stated, service, notes: ["resolved by Istio's DNS proxy"] };
  }
  if (stated.length > 0) {
    // A team that gives an address means it to be dialled; whether the name leads there, DNS knows.
    return {
      addresses: stated,
      service,
      notes: [`${service.host} is taken to resolve to the address of ${service.id}`],
    };
  }
  const literal = service.endpoints.map(({ address }) => address).filter((one) => ipaddr.isValid(one));
  const notes = [`the address of ${service.host} is what DNS says`];
  return { addresses: literal.length > 0 ? literal : [outsideAddress(service.host)], service, notes };
}
