import type { ProxyListener } from "../../policy/compile/proxy/config.ts";
import type { ProxyState, ServiceState } from "../state.ts";

/** Why a fresh TCP connection is not even looked at; undefined when it is. */
export function refusalAtAccept(state: ProxyState): "draining" | "connections" | "handshakes" | undefined {
  if (state.draining) return "draining";
  if (state.live.size >= state.maxConnections) return "connections";
  if (state.handshakes >= state.maxHandshakes) return "handshakes";
  return undefined;
}

/** The service and port that a listener stands for, when it stands for one. */
export function serviceOf(
  state: ProxyState,
  target: { readonly service: string; readonly servicePort?: number | undefined },
): { service: ServiceState; port: number } | undefined {
  const service = state.services.get(target.service);
  const port = target.servicePort ?? service?.config.ports[0]?.port;
  return service && port !== undefined ? { service, port } : undefined;
}

/** The listener as the present configuration has it: bounds and targets may have changed since it was bound. */
export function currentListener(state: ProxyState, listener: ProxyListener): ProxyListener {
  return state.generation.listeners.get(listener.name) ?? listener;
}
