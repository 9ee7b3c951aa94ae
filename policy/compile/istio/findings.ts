import type { Finding } from "../../finding.ts";
import type { Service, Workload } from "../../model/types.ts";
import { canonicalHost } from "../../plan/collisions.ts";
import { isBehindProxy, servicePortKey } from "../../plan/listener-ports.ts";
import { findingAt } from "../report.ts";
import { NO_CLIENTS } from "./clients.ts";
import { type IstioContext, selectorKey } from "./context.ts";
import { gatewayFindings } from "./findings-gateway.ts";
import { meshFindings } from "./findings-mesh.ts";
import { sharedPodFindings } from "./findings-shared-pods.ts";
import { gatewayPorts } from "./gateway.ts";
import { unroutableHost } from "./hosts.ts";

/** Source blocks of a grant's condition, which no rule can do without. */
const MAX_SOURCE_BLOCKS = 5_000;

/** What stands against the whole cluster. */
export function estateFindings(context: IstioContext): Finding[] {
  const { cluster, model } = context;
  const findings: Finding[] = [
    // Findings about one service are told with the service.
    ...context.plan.findings.filter((finding) => !finding.object?.startsWith("Service/")),
  ];
  const byGateway = [...context.services.values()].some((service) => service.enforcement === "gateway");
  if (byGateway && cluster.egressGateway && cluster.dataPlane === "sidecar") {
    const { namespace, selector } = cluster.egressGateway;
    const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
    findings.push(
      findingAt(
        "PR564",
        "info",
        { kind: "Trust", id: model.trust.name, position: model.trust.position },
        `the egress gateway ${labels.join(",")} in ${namespace} of cluster ${cluster.name} lets through what grants allow and nothing else, because an ALLOW policy closes a workload for all the rest`,
        "let it serve Portreeve alone; traffic of others needs a gateway, or an AuthorizationPolicy, of its own",
      ),
    );
  }
  const behind = [...context.services.values()].some((service) => service.enforcement !== "workload");
  const [, minor = "0"] = cluster.istioVersion.split(".");
  if (
    behind &&
    cluster.dataPlane === "ambient" &&
    cluster.addressing.mode === "dns-capture" &&
    Number(minor) < 25
  ) {
    findings.push(
      findingAt(
        "PR566",
        "error",
        { kind: "Trust", id: model.trust.name, position: model.trust.position },
        `cluster ${cluster.name}: Istio ${cluster.istioVersion} gives external services no address in ambient, so ztunnel would let them pass to the real host; a sidecar's DNS capture hands one out`,
        "use Istio 1.25 or later, or `addressing.mode: vips`",
      ),
    );
  }
  return findings;
}

/** What stands against one service. */
export function serviceFindings(context: IstioContext, service: Service): Finding[] {
  const own = `Service/${service.name}`;
  return [
    ...context.plan.findings.filter((finding) => finding.object === own),
    ...(service.enforcement === "workload"
      ? meshFindings(context, service)
      : externalFindings(context, service)),
    ...(service.enforcement === "gateway" ? gatewayFindings(context, service) : []),
    ...sharedPodFindings(context, service),
  ];
}

function externalFindings(context: IstioContext, service: Service): Finding[] {
  const blamed = { kind: "Service", id: service.name, position: service.position } as const;
  const findings: Finding[] = [];
  for (const host of new Set(service.hosts.map(canonicalHost))) {
    const why = unroutableHost(host);
    if (why === undefined) continue;
    findings.push(
      findingAt(
        host.startsWith("*") ? "PR254" : "PR257",
        "error",
        blamed,
        `Service ${service.name}: Istio cannot route the host ${host}: ${why}`,
        "name each host in full, as clients and DNS do",
      ),
    );
  }
  const planned = isBehindProxy(service)
    ? service.ports.filter(({ port }) => context.listenerPorts.has(servicePortKey(service.name, port))).length
    : gatewayPorts(context, service).length;
  if (planned < service.ports.length) {
    findings.push(
      findingAt(
        "PR256",
        "error",
        blamed,
        `no port is left at the ${isBehindProxy(service) ? "proxy" : "egress gateway"} for Service ${service.name}`,
        "divide the estate into several policy sets, or share a Service between hosts of the same kind",
      ),
    );
  }
  const { namespaces, addressOnly } = context.clients.get(service.name) ?? NO_CLIENTS;
  if (namespaces.length === 0 && !service.spec.exportTo) {
    for (const rule of addressOnly) {
      findings.push(
        findingAt(
          "PR259",
          "warning",
          { kind: "Grant", id: rule.id, position: rule.origin },
          `Grant ${rule.id} names only addresses, so no namespace is known to need the routing of Service ${service.name}, and no sidecar sees it`,
          "name workloads or namespaces, or state `exportTo` on the Service",
        ),
      );
    }
  }
  return [...findings, ...passthroughFindings(context, service)];
}

function passthroughFindings(context: IstioContext, service: Service): Finding[] {
  if (service.spec.tls.mode !== "passthrough" || context.cluster.dataPlane !== "ambient") return [];
  return [
    findingAt(
      "PR557",
      "warning",
      { kind: "Service", id: service.name, position: service.position },
      `Service ${service.name} is chosen by TLS server name: a sidecar refuses any other name, ztunnel in cluster ${context.cluster.name} does not look at it and passes every name on`,
      "grants hold in both; if the server name itself must be checked, let the service check it",
    ),
  ];
}

/** What stands against one grant. */
export function grantFindings(context: IstioContext, grantName: string): Finding[] {
  const grant = context.model.grants.get(grantName);
  const service = grant && context.services.get(grant.spec.to.service);
  if (!grant || !service) return [];
  const blocks = grant.spec.when?.sourceCidrs?.length ?? 0;
  if (blocks > MAX_SOURCE_BLOCKS) {
    return [
      findingAt(
        "PR559",
        "error",
        { kind: "Grant", id: grantName, position: grant.position },
        `Grant ${grantName} has ${blocks} blocks in \`when.sourceCidrs\`, and an Istio rule holds all of them: the object would be larger than the API server takes`,
        `name ${MAX_SOURCE_BLOCKS} or fewer, for instance wider ones`,
      ),
    ];
  }
  const other = context.model.trust.spec.clusters.find(
    (cluster) =>
      cluster.name !== context.cluster.name &&
      cluster.network !== context.cluster.network &&
      cluster.network !== undefined,
  );
  const byAddress = (context.meshRules.get(service.name) ?? []).some(
    (rule) =>
      rule.id === grantName &&
      rule.source === "grant" &&
      (rule.subjects.cidrs.length > 0 || rule.when.sourceCidrs !== undefined),
  );
  if (!other || !byAddress || service.enforcement !== "workload") return [];
  return [
    findingAt(
      "PR452",
      "error",
      { kind: "Grant", id: grantName, position: grant.position },
      `Grant ${grantName} judges by source address: in cluster ${context.cluster.name} a client is seen with its own, a client of cluster ${other.name} on network ${other.network} with the east-west gateway's, so the same client would get another verdict`,
      "name workloads or namespaces, or use `via: proxy`",
    ),
  ];
}

/** What stands against one workload. */
export function workloadFindings(context: IstioContext, workload: Workload): Finding[] {
  const { cluster, model } = context;
  const blamed = { kind: "Workload", id: workload.id, position: workload.position } as const;
  const findings: Finding[] = [];
  if (workload.namespace === model.trust.spec.rootNamespace) {
    findings.push(
      findingAt(
        "PR556",
        "warning",
        blamed,
        `Workload ${workload.id} is in Istio's root namespace, where PeerAuthentication and Telemetry are for the whole mesh: none are made there`,
        "run it in a namespace of its own",
      ),
    );
  }
  if (cluster.dataPlane === "ambient") return findings;
  if (!workload.spec.selector) {
    findings.push(
      findingAt(
        "PR561",
        "info",
        blamed,
        `Workload ${workload.id} has no selector, so no Sidecar narrows what its pods see: one for the whole namespace could cut off other pods`,
        "add `selector` with the labels of its pods",
      ),
    );
    return findings;
  }
  for (const other of context.bySelector.get(selectorKey(workload)) ?? []) {
    if (other.id >= workload.id) continue;
    findings.push(
      findingAt(
        "PR562",
        "error",
        blamed,
        `Workload ${workload.id} and Workload ${other.id} select the same pods: Istio takes the Sidecar of one of the two, and which one is undefined`,
        "give each Workload labels that only its own pods have",
      ),
    );
  }
  return findings;
}
