import { sortedSet } from "../../model/canonical.ts";
import { joinName } from "../../model/names.ts";
import type { Service, Workload } from "../../model/types.ts";
import { shardName } from "../../plan/proxied-services.ts";
import { proxyShard } from "../../plan/proxy-shard.ts";
import type { Target } from "../target.ts";
import { awsHosts } from "./aws-endpoints.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, NETWORKING } from "./emit.ts";
import { gatewayServiceName, meshHost, proxyHost, routableHosts, serviceHost } from "./hosts.ts";
import type { IstioObject } from "./objects.ts";

/** Where EKS Pod Identity hands out credentials, on every node. */
const POD_IDENTITY = ["169.254.170.23", "fd00:ec2::23"] as const;

/**
 * What a workload's sidecar knows and lets out: exactly what its grants reach, and what every pod needs. Only for a workload
 * with a selector, since a Sidecar without one would cut off pods that are not ours. None in ambient, where ztunnel reads no
 * Sidecar.
 */
export function sidecars(context: IstioContext, workload: Workload): Target<IstioObject>[] {
  const { selector } = workload.spec;
  if (context.cluster.dataPlane === "ambient" || !selector) return [];
  const reached = context.reached.get(workload.id) ?? [];
  const podIdentity = workload.spec.aws?.mode === "pod-identity";
  const causes = [`Workload/${workload.id}`];
  return [
    emit("WorkloadIdentity", workload.id, [...causes, ...reached.map(({ name }) => `Service/${name}`)], {
      apiVersion: NETWORKING,
      kind: "Sidecar",
      metadata: {
        name: workload.name,
        namespace: workload.namespace,
        labels: labelsOf(workload, workload.id),
      },
      spec: {
        workloadSelector: { labels: selector },
        egress: [
          {
            hosts: sortedSet([
              ...infrastructure(context, workload),
              ...reached
                .flatMap((service) => routes(context, service, workload))
                .filter((host) => !isCovered(context, host)),
              ...(podIdentity ? [`./${podIdentityHost(workload)}`] : []),
              ...awsHosts(context, workload).map((host) => `./${host}`),
            ]),
          },
        ],
        outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
      },
    }),
    ...(podIdentity ? [podIdentityEntry(workload, causes)] : []),
  ];
}

/** The root namespace is let through as a whole; Istio warns about a host that is named again. */
function isCovered(context: IstioContext, host: string): boolean {
  return host.startsWith(`${context.model.trust.spec.rootNamespace}/`);
}

/** istiod, DNS over TCP, and the API server for who needs it. */
function infrastructure(context: IstioContext, workload: Workload): string[] {
  const { cluster, model } = context;
  const dns = cluster.dns.namespace;
  return [
    `${model.trust.spec.rootNamespace}/*`,
    `${dns}/${serviceHost("kube-dns", dns, cluster)}`,
    ...(workload.spec.needs.includes("api-server")
      ? [`default/${serviceHost("kubernetes", "default", cluster)}`]
      : []),
  ];
}

/** Hosts that a client's sidecar needs for one service: what it dials, and where the VirtualService leads. */
function routes(context: IstioContext, service: Service, workload: Workload): string[] {
  switch (service.enforcement) {
    case "workload": {
      const host = meshHost(service, context.cluster);
      const { location } = service.spec;
      if (location.type !== "mesh" || host === undefined) return [];
      return [
        ...(reachesBy(context, service, workload, "mesh") ? [`${location.namespace}/${host}`] : []),
        ...(reachesBy(context, service, workload, "proxy") ? [sharedProxyPort(context, service)] : []),
      ];
    }
    case "proxy": {
      const home = context.proxyNamespace;
      return [...routableHosts(service), proxyHost(context, service)].map((host) => `${home}/${host}`);
    }
    case "gateway": {
      const gateway = context.cluster.egressGateway;
      if (!gateway) return [];
      const entry = serviceHost(gatewayServiceName(service), gateway.namespace, context.cluster);
      return [
        ...[...routableHosts(service), entry].map((host) => `${gateway.namespace}/${host}`),
        ...(reachesBy(context, service, workload, "proxy") ? [sharedProxyPort(context, service)] : []),
      ];
    }
  }
}

function reachesBy(
  context: IstioContext,
  service: Service,
  workload: Workload,
  via: "mesh" | "proxy",
): boolean {
  return (context.rules.get(service.name) ?? []).some(
    (rule) =>
      rule.action === "allow" &&
      rule.via.includes(via) &&
      (rule.subjects.workloads.includes(workload.spiffeId) ||
        rule.subjects.namespaces.some(({ namespace }) => namespace === workload.namespace) ||
        rule.subjects.agents.some((agent) =>
          context.model.agents.get(agent)?.decision.workloads.includes(workload.spiffeId),
        )),
  );
}

/** A grant through the proxy to a service that has no listener of its own there: the port where the client names it. */
function sharedProxyPort(context: IstioContext, service: Service): string {
  const name = shardName(proxyShard(context.model, service.name));
  return `${context.proxyNamespace}/${serviceHost(name, context.proxyNamespace, context.cluster)}`;
}

function podIdentityHost(workload: Workload): string {
  return `${workload.name}.${workload.namespace}.pod-identity-agent.internal`;
}

/** A link-local address is redirected to the sidecar like any other, and REGISTRY_ONLY lets only known addresses out. */
function podIdentityEntry(workload: Workload, causes: readonly string[]): Target<IstioObject> {
  return emit("WorkloadIdentity", workload.id, causes, {
    apiVersion: NETWORKING,
    kind: "ServiceEntry",
    metadata: {
      name: joinName([workload.name, "pod-identity"]),
      namespace: workload.namespace,
      labels: labelsOf(workload, workload.id),
    },
    spec: {
      hosts: [podIdentityHost(workload)],
      addresses: POD_IDENTITY,
      ports: [{ number: 80, name: "tcp-credentials", protocol: "TCP" }],
      location: "MESH_EXTERNAL",
      resolution: "NONE",
      exportTo: ["."],
    },
  });
}
