import { joinName } from "../../model/names.ts";
import type { Rule, Service } from "../../model/types.ts";
import { admitted, cidrSet, mayBePods } from "../../plan/admitted.ts";
import { findingAt } from "../report.ts";
import { managedLabels, type Target } from "../target.ts";
import { type Context, kubeTarget, podPorts } from "./context.ts";
import type { NetworkPolicy, NetworkPolicyIngress } from "./objects.ts";
import { block, groupByPorts } from "./peers.ts";

/**
 * Where ztunnel's node rewrites the kubelet's health probes to, so that they are told from traffic of pods. Without these
 * a pod behind a NetworkPolicy would never become ready in ambient mode.
 */
const AMBIENT_PROBES = ["169.254.7.127/32", "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128"];

/**
 * Who may open connections to the pods of a service in the mesh: one policy for the service, or an isolating one and one
 * for each grant, which add up.
 *
 * It is the outer ring, never narrower than the mesh's verdict. What it does not let in, on purpose: a monitoring system
 * that scrapes the pods (Portreeve knows of none; one more NetworkPolicy of the pods' owner adds up with this one). The
 * kubelet's probes come from the pods' own node, which network plugins let through.
 */
export function ingressPolicies(context: Context, service: Service): Target<NetworkPolicy>[] {
  const { location } = service.spec;
  if (location.type !== "mesh") return [];
  const rules = context.rules.get(service.name) ?? [];
  tellAddressGrants(context, service, rules);
  const make = (
    name: string[],
    subject: string,
    ingress: readonly NetworkPolicyIngress[],
  ): NetworkPolicy => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: {
      name: joinName(name),
      namespace: location.namespace,
      labels: { ...service.labels, ...managedLabels(subject) },
    },
    spec: {
      podSelector: { matchLabels: location.selector },
      policyTypes: ["Ingress"],
      // Without rules nobody is let in. An empty list says the same and is not stored, so it would show as a change for ever.
      ...(ingress.length > 0 && { ingress }),
    },
  });
  const probes: NetworkPolicyIngress[] =
    context.cluster.dataPlane === "ambient" ? [{ from: AMBIENT_PROBES.map((cidr) => block(cidr)) }] : [];
  const mesh = rules.filter((rule) => rule.via.includes("mesh"));
  const name = ["portreeve", service.name, "ingress"];
  const own = (ingress: readonly NetworkPolicyIngress[], causes: readonly Rule[]) =>
    kubeTarget(
      "TcpService",
      service.name,
      [`Service/${service.name}`, ...causes.map((rule) => `Grant/${rule.id}`)],
      make(name, service.name, [...ingress, ...probes]),
    );
  if (context.grouping === "service") {
    const grants = mesh.filter((rule) => rule.source === "grant");
    return [
      own(
        ingressRules(context, service, rules, () => true),
        grants,
      ),
    ];
  }
  const targets = [
    own(
      ingressRules(context, service, rules, (rule) => rule.source === "admission"),
      [],
    ),
  ];
  const grants = new Set(
    mesh.filter((rule) => rule.source === "grant" && rule.action === "allow").map(({ id }) => id),
  );
  for (const grant of grants) {
    const ingress = ingressRules(
      context,
      service,
      rules,
      (rule) => rule.source === "grant" && rule.id === grant,
    );
    if (ingress.length === 0) continue;
    const causes = [`Grant/${grant}`, `Service/${service.name}`];
    targets.push(
      kubeTarget(
        "AccessPolicy",
        grant,
        causes,
        make(["portreeve", grant, "ingress", "grant"], grant, ingress),
      ),
    );
  }
  return targets;
}

function ingressRules(
  context: Context,
  service: Service,
  rules: readonly Rule[],
  allow: (rule: Rule) => boolean,
): NetworkPolicyIngress[] {
  const entries = service.ports.flatMap((port) => {
    const ports = podPorts(context, service, port);
    const who = admitted(rules, port.port, "mesh", allow);
    const peers = context.peers.of(who, context.proxyLabels(service.name));
    return peers.map((peer) => ({ peer, ports }));
  });
  return groupByPorts(entries).map(({ peers, ports }) => ({ from: peers, ports }));
}

function tellAddressGrants(context: Context, service: Service, rules: readonly Rule[]): void {
  for (const rule of rules) {
    if (rule.action !== "allow" || !mayBePods(cidrSet(rule.subjects.cidrs))) continue;
    context.findings.push(
      findingAt(
        "PR512",
        "info",
        { kind: "Grant", id: rule.id, position: rule.origin },
        `${rule.id} lets addresses through to ${service.name} that pods may have, and no NetworkPolicy can tell which pod has which: for it, every pod may connect to ${service.name}, and only the mesh's verdict stands between`,
        "grant workloads or namespaces instead",
      ),
    );
  }
}
