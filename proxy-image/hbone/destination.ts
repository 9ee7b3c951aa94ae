import type { ProxyConfig, ProxyListener } from "../../policy/compile/proxy/config.ts";
import { type Authority, canonicalAddress } from "./authority.ts";

/** Where a stream is to go. */
export type Destination =
  /** A port of a service. */
  | { readonly to: "service"; readonly service: string; readonly port: number }
  /** The shared port: TLS of the client's own begins inside. */
  | { readonly to: "connect"; readonly listener: Extract<ProxyListener, { mode: "connect" }> }
  /** The proxy's own metrics: with the tunnel label, a scraper behind ztunnel reaches this port by HBONE too. */
  | { readonly to: "metrics" }
  | { readonly to: "nowhere"; readonly why: string };

/**
 * Finds what an authority stands for.
 *
 * ztunnel connects to port 15008 of the pod that it chose and names the pod's own address and the target port of the
 * service (`Upstream::workload_socket_addr`): the target port is one of our listeners' ports, and so the service. A
 * gateway names the service by its host and its own port instead (`HboneAddress::SvcHostname`). Never is a name resolved
 * or an address dialled that only the client named.
 *
 * @param localAddress where the connection arrived; another address is refused, as ztunnel does (`Error::IPMismatch`)
 */
export function destinationOf(config: ProxyConfig, authority: Authority, localAddress: string): Destination {
  if (authority.kind === "name") return byName(config, authority);
  const local = canonicalAddress(localAddress);
  if (authority.host !== local) {
    return { to: "nowhere", why: `${authority.host} is not this proxy's address, which is ${local}` };
  }
  const { port } = authority;
  for (const listener of config.listeners) {
    if (listener.port !== port) continue;
    if (listener.mode === "connect") return { to: "connect", listener };
    if (listener.mode === "mtls") return toService(config, listener);
  }
  return port === config.metrics.port
    ? { to: "metrics" }
    : { to: "nowhere", why: `nothing listens on port ${port}` };
}

/** Only what has a listener of its own: a service in the mesh, which the proxy dials for people, is no way around it. */
function byName(config: ProxyConfig, { host, port }: Authority): Destination {
  const served = new Set(
    config.services.filter(({ mesh }) => hostOf(mesh.host) === host).map(({ name }) => name),
  );
  for (const listener of config.listeners) {
    if (listener.mode !== "mtls" || !served.has(listener.service)) continue;
    const found = toService(config, listener);
    if (found.to === "service" && found.port === port) return found;
  }
  return { to: "nowhere", why: `no service ${host}:${port}` };
}

function toService(config: ProxyConfig, listener: Extract<ProxyListener, { mode: "mtls" }>): Destination {
  const service = config.services.find(({ name }) => name === listener.service);
  const port = listener.servicePort ?? service?.ports[0]?.port;
  if (!service || port === undefined) return { to: "nowhere", why: "the service is no longer declared" };
  return { to: "service", service: service.name, port };
}

function hostOf(host: string | undefined): string | undefined {
  return host?.toLowerCase().replace(/\.$/, "");
}
