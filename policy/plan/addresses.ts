import ipaddr from "ipaddr.js";
import type { Finding } from "../finding.ts";
import type { Cluster, Model, Service } from "../model/types.ts";
import { hasRef } from "../schema/index.ts";
import { addressCollisions, hostCollisions } from "./collisions.ts";
import { assignSlots } from "./slots.ts";

/** The addresses of external services in one cluster, and what is wrong with them. */
export interface AddressPlan {
  /**
   * By {@link hostKey}: the addresses that clients use for one host of a service. Empty where Istio itself gives the host
   * an address (DNS capture).
   */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly findings: readonly Finding[];
}

/** Names one host of a service: `orders-db db.example.com`. */
export function hostKey(service: string, host: string): string {
  return `${service} ${host}`;
}

/**
 * Gives every host of every external TCP service an address of its own. Without one, two services on one port share a
 * listener on 0.0.0.0 and traffic goes to the wrong backend (istio#11741, #24937, #29806).
 *
 * `addresses` of a Service come first and are kept as written. Of several hosts each has one when there are as many
 * addresses as hosts; otherwise all belong to the first. What is left is planned out of the cluster's range (see
 * {@link assignSlots} for when a planned address can move), or left to Istio with DNS capture.
 */
export function planAddresses(model: Model, cluster: Cluster): AddressPlan {
  const here = [...model.services.values()].filter((service) => service.clusters.includes(cluster.name));
  const external = here.filter((service) => service.enforcement !== "workload");
  const addresses = new Map<string, readonly string[]>();
  const wanting: { service: Service; key: string }[] = [];
  for (const service of external) {
    for (const [host, stated] of statedAddresses(service)) {
      const key = hostKey(service.name, host);
      addresses.set(key, stated);
      if (stated.length === 0) wanting.push({ service, key });
    }
  }
  const findings = [...hostCollisions(here), ...addressCollisions(here)];
  if (cluster.addressing.mode === "dns-capture") return { addresses, findings };

  const { range } = cluster.addressing;
  const block = parseRange(range);
  if (!block) {
    findings.push({
      rule: "PR253",
      severity: "error",
      message: `addressing.range ${range} of cluster ${cluster.name} is not an IPv4 block, and virtual addresses are planned in IPv4 only`,
      fix: "use an IPv4 block that nothing routes, such as 240.240.0.0/16; IPv6 clients reach it through the sidecar all the same",
      object: `Trust/${model.trust.name}`,
      ...(model.trust.position && { position: model.trust.position }),
    });
    return { addresses, findings };
  }
  const reserved = reservedSlots(here, block);
  const owners = new Map(wanting.map(({ key, service }) => [key, service]));
  const plan = assignSlots(owners.keys(), block.size, reserved);
  for (const [key, slot] of plan.slots) addresses.set(key, [addressAt(block, slot)]);
  findings.push(...slotFindings(plan, owners, range, cluster));
  return { addresses, findings };
}

function statedAddresses(service: Service): [host: string, stated: readonly string[]][] {
  const { addresses } = service.spec;
  const paired = addresses.length === service.hosts.length;
  return service.hosts.map((host, index) => {
    if (paired) return [host, addresses.slice(index, index + 1)];
    return [host, index === 0 ? addresses : []];
  });
}

interface Block {
  readonly base: number;
  readonly size: number;
}

function parseRange(range: string): Block | undefined {
  const [address = "", bits = ""] = range.split("/");
  if (!ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined;
  return { base: toNumber(address), size: 2 ** (32 - Number(bits)) };
}

function toNumber(address: string): number {
  return ipaddr.IPv4.parse(address)
    .toByteArray()
    .reduce((sum, byte) => sum * 256 + byte, 0);
}

function addressAt(block: Block, slot: number): string {
  const value = block.base + slot;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Slots that are not planned: stated addresses, and the first and last of a block, which some networks treat as special. */
function reservedSlots(services: readonly Service[], block: Block): Set<number> {
  const reserved = new Set<number>(block.size >= 4 ? [0, block.size - 1] : []);
  for (const address of services.flatMap((service) => service.spec.addresses)) {
    if (hasRef(address) || !ipaddr.IPv4.isValidFourPartDecimal(address)) continue;
    const slot = toNumber(address) - block.base;
    if (slot >= 0 && slot < block.size) reserved.add(slot);
  }
  return reserved;
}

function slotFindings(
  plan: ReturnType<typeof assignSlots>,
  owners: ReadonlyMap<string, Service>,
  range: string,
  cluster: Cluster,
): Finding[] {
  const findings: Finding[] = [];
  for (const key of plan.unplaced) {
    const service = owners.get(key);
    if (!service) continue;
    findings.push({
      rule: "PR252",
      severity: "error",
      message: `addressing.range ${range} of cluster ${cluster.name} has no address left for Service ${service.name} (host ${key.slice(service.name.length + 1)})`,
      fix: "widen the range, or state `addresses` on the Service",
      object: `Service/${service.name}`,
      ...(service.position && { position: service.position }),
    });
  }
  for (const { subject, by } of plan.displaced) {
    const service = owners.get(subject);
    const other = by === undefined ? undefined : owners.get(by);
    if (!service || !other || !plan.slots.has(subject)) continue;
    findings.push({
      rule: "PR258",
      severity: "info",
      message: `the planned address of Service ${service.name} gave way to Service ${other.name} in cluster ${cluster.name}, and may move when other services come or go`,
      fix: "state `addresses` on one of the two to fix it for good, or widen the range",
      object: `Service/${service.name}`,
      ...(service.position && { position: service.position }),
    });
  }
  return findings;
}
