import type { Model } from "../model/types.ts";
import { servicePortKey } from "./listener-ports.ts";
import { assignSlots } from "./slots.ts";

/** First port that the egress gateway listens on for a service; above the proxy's connect port, below its listeners. */
export const FIRST_GATEWAY_PORT = 16_000;
/** How many there are: up to 19999. Istio's own ports (15000–15090) are below. */
export const GATEWAY_PORTS = 4_000;

/**
 * The egress gateway's port for each service port with `egress: gateway`, as {@link planListenerPorts} does for the proxy:
 * what the gateway cannot tell apart by port it could not authorize apart.
 */
export function planGatewayPorts(model: Model): ReadonlyMap<string, number> {
  const found = known.get(model);
  if (found) return found;
  const subjects = [...model.services.values()]
    .filter((service) => service.enforcement === "gateway")
    .flatMap((service) => service.ports.map(({ port }) => servicePortKey(service.name, port)));
  const { slots } = assignSlots(subjects, GATEWAY_PORTS);
  const ports = new Map([...slots].map(([key, slot]) => [key, FIRST_GATEWAY_PORT + slot]));
  known.set(model, ports);
  return ports;
}

const known = new WeakMap<Model, ReadonlyMap<string, number>>();
