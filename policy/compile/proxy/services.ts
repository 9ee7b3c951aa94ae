import type { Finding } from "../../finding.ts";
import type { Cluster, Model, Rule, Service } from "../../model/types.ts";
import { dialledByHbone, podsHost } from "../../plan/hbone-pods.ts";
import { HBONE_PORT, PROXY_MOUNTS } from "../../plan/proxy-mounts.ts";
import { findingAt } from "../report.ts";
import type { ProxyConfigInput } from "./config.ts";
import { serviceLogin } from "./login.ts";
import { meshPeer } from "./mesh-peer.ts";
import { proxyDuration } from "./scalar.ts";

type ConfigService = ProxyConfigInput["services"][number];
type UpstreamTls = NonNullable<ConfigService["tls"]>;

/** What one service is compiled from. */
export interface ServiceInput {
  readonly model: Model;
  readonly cluster: Cluster;
  readonly service: Service;
  /** The service's own rules. */
  readonly rules: readonly Rule[];
  readonly findings: Finding[];
}

/** A service as the proxy dials it. Defaults that policy and proxy do not share are written out. */
export function proxyService(input: ServiceInput): ConfigService {
  const { service, model } = input;
  const { spec } = service;
  const limits = { ...model.trust.spec.defaults.limits, ...spec.limits };
  const { outlierDetection } = spec;
  const mesh = spec.location.type === "mesh" ? spec.location : undefined;
  const byHbone = dialledByHbone(service, input.cluster);
  const keepalive = limits.tcpKeepalive?.time;
  const [host] = service.hosts;
  const auth = serviceLogin(input.cluster, service, input.findings);
  return {
    name: service.name,
    ...(spec.owner !== undefined && { owner: spec.owner }),
    ports: service.ports.map(({ port, targetPort }) => ({
      port,
      protocol: service.protocol,
      // A service in the mesh is dialled through its Kubernetes Service, which translates the port itself; HBONE asks the
      // pod for its own.
      ...((!mesh || byHbone) && targetPort !== port && { targetPort }),
    })),
    endpoints: endpoints(input),
    tls: mesh ? meshTls(input) : externalTls(service),
    ...(auth && { auth }),
    connectTimeout: proxyDuration(limits.connectTimeout ?? "10s"),
    idleTimeout: proxyDuration(limits.idleTimeout ?? "1h"),
    ...(limits.maxConnectionDuration !== undefined && {
      maxDuration: proxyDuration(limits.maxConnectionDuration),
    }),
    ...(keepalive !== undefined && { keepalive: proxyDuration(keepalive) }),
    ...(limits.maxConnections !== undefined && { limits: { maxConnections: limits.maxConnections } }),
    ...(outlierDetection && {
      outlier: {
        consecutiveFailures: outlierDetection.consecutiveFailures,
        baseEjection: proxyDuration(outlierDetection.baseEjectionTime),
        maxEjectedPercent: outlierDetection.maxEjectionPercent,
      },
    }),
    audit: audit(input),
    ...(host !== undefined && { mesh: { host, ...(mesh && { namespace: mesh.namespace }) } }),
  };
}

function endpoints(input: ServiceInput): ConfigService["endpoints"] {
  const { service, cluster, findings } = input;
  const { spec, hosts } = service;
  const blamed = { kind: "Service", id: service.name, position: service.position } as const;
  if (spec.location.type === "mesh") {
    return dialledByHbone(service, cluster)
      ? [{ host: podsHost(service, spec.location.namespace, cluster) }]
      : hosts.slice(0, 1).map((host) => ({ host }));
  }
  if (spec.resolution === "static") return spec.endpoints.map((host) => ({ host }));
  if (spec.resolution === "none") {
    findings.push(
      findingAt(
        "PR209",
        "error",
        blamed,
        `${service.name} has \`resolution: none\`, and the proxy has to know where to connect`,
        "use `resolution: dns` or `static`, or `location.egress: gateway`",
      ),
    );
  }
  for (const host of hosts) {
    if (!host.startsWith("*")) continue;
    findings.push(
      findingAt(
        "PR209",
        "error",
        blamed,
        `${service.name} has the wildcard host ${host}, which the proxy cannot resolve`,
        "name the hosts one by one, or use `resolution: static` with `endpoints`",
      ),
    );
  }
  return hosts.map((host) => ({ host }));
}

function externalTls(service: Service): UpstreamTls {
  const { tls } = service.spec;
  const [host] = service.hosts;
  switch (tls.mode) {
    // The client's own TLS is relayed as it is: the proxy adds none.
    case "passthrough":
    case "auto":
    case "none":
      return { mode: "none" };
    case "simple":
    case "mutual": {
      const sni = tls.sni ?? host;
      const common = {
        ...(tls.ca !== undefined && { ca: tls.ca }),
        ...(sni !== undefined && { sni }),
        ...(tls.subjectAltNames && { subjectAltNames: [...tls.subjectAltNames] }),
      };
      if (tls.mode === "simple") return { mode: "simple", ...common };
      const folder = `${PROXY_MOUNTS.credentials.dir}/${tls.credential ?? ""}`;
      return {
        mode: "mutual",
        ...common,
        ...(tls.credential !== undefined && {
          certificate: { cert: `${folder}/tls.crt`, key: `${folder}/tls.key` },
        }),
      };
    }
  }
}

/** In the mesh the proxy is a client with its own SVID, and insists on the identity of the service. */
function meshTls({ model, cluster, service, findings }: ServiceInput): UpstreamTls {
  const blamed = { kind: "Service", id: service.name, position: service.position } as const;
  if (service.spec.tls.mode === "none") return { mode: "none" };
  const spiffeIds = meshPeer(model, service);
  if (spiffeIds.length === 0) {
    findings.push(
      findingAt(
        "PR511",
        "error",
        blamed,
        `grants open ${service.name} through the proxy, and nothing says which identity its pods have`,
        "set `location.serviceAccount`, or define the Workload that its pods are",
      ),
    );
  }
  return { mode: "mutual", spiffeIds, ...(dialledByHbone(service, cluster) && { hbone: HBONE_PORT }) };
}

/** The strictest that any grant asks: one connection cannot be recorded for one grant and not for another. */
function audit({ rules }: ServiceInput): ConfigService["audit"] {
  const asked = new Set(rules.filter((rule) => rule.action === "allow").map((rule) => rule.audit));
  if (asked.has("required")) return "required";
  return asked.size === 1 && asked.has("none") ? "none" : "standard";
}
