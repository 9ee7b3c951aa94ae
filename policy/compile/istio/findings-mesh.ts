import type { Finding } from "../../finding.ts";
import { canonicalJson } from "../../model/canonical.ts";
import { acceptsPlaintext } from "../../model/resolve.ts";
import type { Service } from "../../model/types.ts";
import { findingAt } from "../report.ts";
import type { IstioContext } from "./context.ts";
import { podsOverlap } from "./findings-shared-pods.ts";
import { PLAINTEXT_RULE, waiversOf } from "./peer-authentication.ts";

/** Where the mesh would decide or do something else than the policy says, for a service in it. */
export function meshFindings(context: IstioContext, service: Service): Finding[] {
  return [
    ...plaintext(context, service),
    ...competingExceptions(context, service),
    ...originatedTls(service),
    ...rootNamespace(context, service),
    ...sharedTargetPorts(context, service),
    ...ambientLimits(context, service),
  ];
}

function blamedFor(service: Service) {
  return { kind: "Service", id: service.name, position: service.position } as const;
}

function plaintext(context: IstioContext, service: Service): Finding[] {
  if (!acceptsPlaintext(service) || waiversOf(context.model, service).length > 0) return [];
  return [
    findingAt(
      PLAINTEXT_RULE,
      "error",
      blamedFor(service),
      `Service ${service.name} asks for plaintext (\`tls.mode: none\`), and the mesh refuses it: STRICT stays without a Waiver, on sidecars and ztunnel alike`,
      `remove \`tls.mode: none\`, or add a Waiver of ${PLAINTEXT_RULE} that names Service/${service.name}`,
    ),
  ];
}

/** Istio takes one PeerAuthentication with a selector for a pod, the oldest; the exception of another one is lost. */
function competingExceptions(context: IstioContext, service: Service): Finding[] {
  const { location } = service.spec;
  if (location.type !== "mesh" || !hasException(context, service)) return [];
  return [...context.services.values()].flatMap((other) => {
    const there = other.spec.location;
    if (there.type !== "mesh" || other.name >= service.name || there.namespace !== location.namespace)
      return [];
    if (!hasException(context, other) || podsOverlap(location.selector, there.selector) !== "yes") return [];
    return [
      findingAt(
        "PR563",
        "error",
        blamedFor(service),
        `Service ${service.name} and Service ${other.name} both accept plaintext on the same pods: Istio takes the older of their two PeerAuthentications and refuses plaintext on the other's ports`,
        "make them one Service with both ports",
      ),
    ];
  });
}

function hasException(context: IstioContext, service: Service): boolean {
  return acceptsPlaintext(service) && waiversOf(context.model, service).length > 0;
}

function originatedTls(service: Service): Finding[] {
  const { mode } = service.spec.tls;
  if (mode !== "simple" && mode !== "mutual") return [];
  return [
    findingAt(
      "PR560",
      "error",
      blamedFor(service),
      `Service ${service.name} is in the mesh with \`tls.mode: ${mode}\`: a sidecar that originates TLS would replace the mesh's mutual TLS, which STRICT refuses, and ztunnel would not originate it at all`,
      "use `tls.mode: auto`; a service with TLS of its own is `passthrough`",
    ),
  ];
}

function rootNamespace(context: IstioContext, service: Service): Finding[] {
  const { location } = service.spec;
  const root = context.model.trust.spec.rootNamespace;
  if (location.type !== "mesh" || location.namespace !== root) return [];
  return [
    findingAt(
      "PR556",
      "error",
      blamedFor(service),
      `Service ${service.name} is in Istio's root namespace ${root}: policies there, and STRICT with them, would be for the whole mesh`,
      "run it in a namespace of its own",
    ),
  ];
}

/** A policy sees the port that the pod listens on, so what differs by service port only cannot be told apart. */
function sharedTargetPorts(context: IstioContext, service: Service): Finding[] {
  const findings: Finding[] = [];
  const rules = context.meshRules.get(service.name) ?? [];
  const verdictOf = (port: number) =>
    canonicalJson(
      rules.filter((rule) => rule.ports.includes(port)).map(({ origin: _, ports: __, ...rule }) => rule),
    );
  for (const [target, ports] of Map.groupBy(service.ports, ({ targetPort }) => targetPort)) {
    const [first, ...others] = ports;
    const other = first && others.find(({ port }) => verdictOf(port) !== verdictOf(first.port));
    if (!first || !other) continue;
    findings.push(
      findingAt(
        "PR450",
        "error",
        blamedFor(service),
        `grants differ for ports ${first.port} and ${other.port} of Service ${service.name}, and both lead to target port ${target}: sidecar and ztunnel see only ${target}, so whoever may use one could use the other; the proxy tells them apart`,
        "give the ports target ports of their own, or grant both alike",
      ),
    );
  }
  return findings;
}

/** ztunnel reads no DestinationRule, so limits that a sidecar enforces are nobody's there. */
function ambientLimits(context: IstioContext, service: Service): Finding[] {
  if (context.cluster.dataPlane !== "ambient") return [];
  const { limits, outlierDetection } = service.spec;
  const findings: Finding[] = [];
  const stated = Object.keys(limits ?? {}).sort();
  if (stated.length > 0) {
    findings.push(
      findingAt(
        "PR554",
        "error",
        blamedFor(service),
        `Service ${service.name} states limits (${stated.join(", ")}): a sidecar enforces them, ztunnel in cluster ${context.cluster.name} does not`,
        "remove the limits, enforce them at the service, or grant it through the proxy (`via: proxy`)",
      ),
    );
  }
  if (outlierDetection) {
    findings.push(
      findingAt(
        "PR555",
        "error",
        blamedFor(service),
        `Service ${service.name} states outlierDetection: a sidecar leaves a failing endpoint alone, ztunnel in cluster ${context.cluster.name} keeps sending to it`,
        "remove it; readiness probes take a failing pod out in both",
      ),
    );
  }
  return findings;
}
