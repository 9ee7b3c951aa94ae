import type { Model, Service } from "../model/types.ts";
import { assignSlots } from "./slots.ts";

/** First port that the proxy listens on for a service. Below the node ports (30000) and the ephemeral ports (32768). */
export const FIRST_LISTENER_PORT = 20_000;
/** How many there are. */
export const LISTENER_PORTS = 10_000;

/** Names one port of a service: `orders-db/5432`. */
export function servicePortKey(service: string, port: number): string {
  return `${service}/${port}`;
}

/**
 * The port on which the proxy serves each service port, by {@link servicePortKey}: for every external service behind the
 * proxy. Stable as {@link assignSlots} states. A model with more ports than there are listener ports leaves the rest out;
 * the compilers report that (PR207).
 */
export function planListenerPorts(model: Model): ReadonlyMap<string, number> {
  const subjects = [...model.services.values()].filter(isBehindProxy).flatMap(portKeys);
  const { slots } = assignSlots(subjects, LISTENER_PORTS);
  return new Map([...slots].map(([key, slot]) => [key, FIRST_LISTENER_PORT + slot]));
}

/** True for a service that has listeners of its own at the proxy. */
export function isBehindProxy(service: Service): boolean {
  return service.enforcement === "proxy";
}

function portKeys(service: Service): string[] {
  return service.ports.map(({ port }) => servicePortKey(service.name, port));
}
