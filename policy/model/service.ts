import type { Sourced } from "../load/source.ts";
import type { Protocol } from "../schema/index.ts";
import { sortedSet } from "./canonical.ts";
import type { Report } from "./report.ts";
import type { Service, ServicePort, Trust } from "./types.ts";

/**
 * The prefix of a port name from which Istio takes the protocol, so that it never waits for the client's first byte
 * (a server-first protocol would hang). Everything relayed as opaque TCP is named `tcp`: a filter of Istio's for mysql
 * or mongo would only add risk, and gRPC over raw TCP is meant to stay TCP.
 */
const PORT_PREFIX: Readonly<Record<Protocol, string>> = {
  tcp: "tcp",
  tls: "tls",
  postgres: "tcp-pg",
  mysql: "tcp-my",
  redis: "tcp-redis",
  mongo: "tcp-mongo",
  kafka: "tcp-kafka",
  amqp: "tcp-amqp",
  mqtt: "tcp-mqtt",
  nats: "tcp-nats",
  grpc: "tcp-grpc",
};

/** Fills in what a Service leaves to be derived, and checks what the schema cannot. */
export function resolveService(source: Sourced<"Service">, trust: Trust, report: Report): Service {
  const { metadata, spec } = source.document;
  const { name } = metadata;
  const { location } = spec;
  const clusters = sortedSet(location.clusters ?? trust.spec.clusters.map((cluster) => cluster.name));
  if (location.type === "external") checkExternal(source, report);
  return {
    name,
    labels: metadata.labels ?? {},
    spec,
    position: source.position,
    protocol: spec.protocol,
    ports: resolvePorts(source, report),
    hosts: spec.hosts ?? (location.type === "mesh" ? meshHosts(location, name, trust, clusters) : []),
    enforcement: location.type === "mesh" ? "workload" : location.egress,
    clusters,
  };
}

type MeshLocation = Extract<Service["spec"]["location"], { type: "mesh" }>;

function meshHosts(
  location: MeshLocation,
  name: string,
  trust: Trust,
  clusters: readonly string[],
): string[] {
  const domains = trust.spec.clusters
    .filter((cluster) => clusters.includes(cluster.name))
    .map((cluster) => cluster.clusterDomain);
  return sortedSet(domains).map(
    (domain) => `${location.serviceName ?? name}.${location.namespace}.svc.${domain}`,
  );
}

function checkExternal(source: Sourced<"Service">, report: Report): void {
  const { spec } = source.document;
  if (!spec.hosts) {
    report.error(
      "PR105",
      source,
      ["spec"],
      "an external service needs `spec.hosts`",
      "name the DNS name clients use",
    );
  }
  if (spec.resolution === "static" && spec.endpoints.length === 0) {
    report.error(
      "PR203",
      source,
      ["spec", "resolution"],
      "`resolution: static` needs `spec.endpoints`",
      "list the endpoint addresses",
    );
  }
  if (spec.resolution !== "static" && spec.endpoints.length > 0) {
    report.error(
      "PR203",
      source,
      ["spec", "endpoints"],
      "`spec.endpoints` is only read with `resolution: static`",
      "set `resolution: static`, or remove the endpoints",
    );
  }
}

function resolvePorts(source: Sourced<"Service">, report: Report): ServicePort[] {
  const { spec } = source.document;
  const prefix = PORT_PREFIX[spec.protocol];
  const ports: ServicePort[] = [];
  const names = new Set<string>();
  for (const [index, written] of spec.ports.entries()) {
    const port = typeof written === "number" ? { port: written } : written;
    const resolved: ServicePort = {
      port: port.port,
      targetPort: ("targetPort" in port ? port.targetPort : undefined) ?? port.port,
      name: ("name" in port ? port.name : undefined) ?? `${prefix}-${port.port}`,
    };
    if (ports.some((other) => other.port === resolved.port)) {
      report.error(
        "PR110",
        source,
        ["spec", "ports", index],
        `port ${resolved.port} is listed twice`,
        "remove one",
      );
    } else if (names.has(resolved.name)) {
      report.error(
        "PR110",
        source,
        ["spec", "ports", index],
        `port name "${resolved.name}" is used twice`,
        "give each port its own name",
      );
    } else ports.push(resolved);
    names.add(resolved.name);
  }
  return ports.sort((a, b) => a.port - b.port);
}
