import { formatFinding } from "../../finding.ts";
import type { SecurityPolicy } from "../../istio/objects.ts";
import { membership, unknownAttributes } from "../../reach/index.ts";
import type { ClusterSide } from "./objects.ts";

/** What a reader of a comparison should know of what it rests on, each once. */
export function clusterNotes(before: ClusterSide, after: ClusterSide): string[] {
  const notes = [...before.warnings, ...after.warnings].map(formatFinding);
  for (const side of [before, after]) {
    const custom = side.policies.some(
      (policy) => policy.kind === "AuthorizationPolicy" && policy.spec?.action === "CUSTOM",
    );
    if (custom) notes.push("a CUSTOM policy asks an external authorizer; it is taken to agree");
    const undeclared = side.policies.length > 0 ? "sidecar" : "none";
    const isOutside = side.cluster.pods.every(
      (pod) => membership(pod, side.cluster, { ...side.options, undeclared }) === "none",
    );
    if (side.policies.length > 0 && side.cluster.pods.length > 0 && isOutside) {
      notes.push(
        "no workload is in the mesh by the labels of its namespace or pods, so Istio's policies do nothing here; --data-plane takes them as in the mesh",
      );
    }
    for (const name of side.policies.filter(asksForHttp).map(({ metadata }) => metadata.name)) {
      notes.push(
        `AuthorizationPolicy ${name} has conditions on HTTP: it is judged as Istio judges it for a TCP connection`,
      );
    }
    for (const key of unknownAttributes(side.policies)) {
      notes.push(`a policy asks for ${key}, which manifests do not tell; it is taken not to match`);
    }
    const ipv6 = side.cluster.policies.some(({ blocks }) =>
      [...blocks.ingress, ...blocks.egress].some((block) => block.ipv6.length > 0),
    );
    if (ipv6)
      notes.push("a NetworkPolicy has IPv6 blocks: IPv6 addresses outside of the cluster are not compared");
    for (const { namespace, name, selector } of side.services) {
      if (selector === undefined)
        notes.push(`Service ${namespace}/${name} selects no pods: who reaches it is not compared`);
    }
  }
  return [...new Set(notes)];
}

const HTTP_FIELDS = ["hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"] as const;

function asksForHttp(policy: SecurityPolicy): boolean {
  if (policy.kind !== "AuthorizationPolicy") return false;
  return (policy.spec?.rules ?? []).some(
    ({ from, to, when }) =>
      (to ?? []).some(({ operation }) => HTTP_FIELDS.some((field) => operation?.[field] !== undefined)) ||
      (from ?? []).some(({ source }) => source?.requestPrincipals ?? source?.notRequestPrincipals) ||
      (when ?? []).some(({ key }) => key.startsWith("request.")),
  );
}
