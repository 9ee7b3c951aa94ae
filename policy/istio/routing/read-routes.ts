import type { z } from "zod";
import { entryProtocol } from "../consistency/protocol.ts";
import { qualified } from "../consistency/read-routing.ts";
import type * as schema from "./schema.ts";
import type {
  EnvoyFilter,
  Gateway,
  Path,
  Sidecar,
  TcpRoute,
  VirtualService,
  WireProtocol,
  Written,
} from "./world.ts";

export function source(
  kind: string,
  { name, namespace, creationTimestamp }: z.infer<typeof schema.metadataSchema>,
  path: Path,
): Written {
  const at = namespace || "default";
  const created = Date.parse(creationTimestamp ?? "");
  return {
    id: `${kind} ${at}/${name}`,
    namespace: at,
    name,
    created: Number.isNaN(created) ? Number.MAX_SAFE_INTEGER : created,
    path,
  };
}

/** The protocol that a ServiceEntry, Gateway or Sidecar states for a port. */
export function statedProtocol(protocol: string | null | undefined): WireProtocol {
  return protocol?.toUpperCase() === "UDP" ? "none" : entryProtocol(protocol ?? undefined);
}

export function readVirtualService(
  { metadata, spec }: z.infer<typeof schema.virtualServiceSchema>,
  path: Path,
  domain: string,
): VirtualService {
  const base = source("VirtualService", metadata, path);
  const gateway = (name: string): string =>
    name === "mesh" ? name : gatewayName(name, base.namespace, domain);
  const routes = (written: typeof spec.tcp | typeof spec.tls): TcpRoute[] =>
    (written ?? []).map(({ match, route }) => ({
      match: (match ?? []).map((one) => ({ ...one, gateways: one.gateways?.map(gateway) })),
      route: qualifiedRoutes(route, base.namespace, domain),
    }));
  const { gateways = [], exportTo = [] } = { gateways: spec.gateways ?? [], exportTo: spec.exportTo ?? [] };
  return {
    ...base,
    hosts: (spec.hosts ?? []).map((host) => qualified(host, base.namespace, domain)),
    gateways: gateways.length === 0 ? ["mesh"] : gateways.map(gateway),
    exportTo: exportTo.map((to) => (to === "." ? base.namespace : to)),
    tcp: routes(spec.tcp),
    tls: routes(spec.tls),
    http: (spec.http ?? []).map(({ match, route }) => ({
      namespaces: (match ?? []).flatMap(({ sourceNamespace }) => sourceNamespace || []),
      route: qualifiedRoutes(route, base.namespace, domain),
    })),
  };
}

function qualifiedRoutes(
  route: schema.RouteDestinations,
  namespace: string,
  domain: string,
): NonNullable<schema.RouteDestinations> {
  return (route ?? []).map((one) => ({
    ...one,
    destination: { ...one.destination, host: qualified(one.destination.host, namespace, domain) },
  }));
}

/** A gateway is named as `namespace/name`, as `name` in the VirtualService's namespace, or in the old way with dots. */
function gatewayName(name: string, namespace: string, domain: string): string {
  if (name.includes("/")) return name.startsWith("./") ? `${namespace}${name.slice(1)}` : name;
  if (name.includes(".")) {
    const [own = "", at = ""] = name.split(".");
    return name === `${own}.${at}` || name === `${own}.${at}.svc.${domain}` ? `${at}/${own}` : name;
  }
  return `${namespace}/${name}`;
}

export function readSidecar({ metadata, spec }: z.infer<typeof schema.sidecarSchema>, path: Path): Sidecar {
  return {
    ...source("Sidecar", metadata, path),
    selector: spec?.workloadSelector ? (spec.workloadSelector.labels ?? {}) : undefined,
    spec: spec ?? {},
  };
}

export function readGateway({ metadata, spec }: z.infer<typeof schema.gatewaySchema>, path: Path): Gateway {
  return {
    ...source("Gateway", metadata, path),
    selector: spec.selector ?? undefined,
    servers: (spec.servers ?? []).map(({ port, bind, hosts, tls }, index) => ({
      number: port.number,
      protocol: statedProtocol(port.protocol),
      bind: bind ?? "",
      hosts: hosts ?? [],
      tls: tls ? (tls.mode ?? "PASSTHROUGH") : undefined,
      index,
    })),
  };
}

export function readEnvoyFilter(
  { metadata, spec }: z.infer<typeof schema.envoyFilterSchema>,
  path: Path,
): EnvoyFilter {
  return {
    ...source("EnvoyFilter", metadata, path),
    selector: spec?.workloadSelector ? (spec.workloadSelector.labels ?? {}) : undefined,
    targets: (spec?.targetRefs ?? []).length > 0,
    patches: (spec?.configPatches ?? []).map(({ applyTo, match }, index) => ({
      applyTo: applyTo ?? "",
      match,
      index,
    })),
  };
}
