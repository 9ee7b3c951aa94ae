import { formatFinding } from "../../finding.ts";
import { unknownAttributes } from "../../reach/index.ts";
import type { ClusterSide } from "./objects.ts";

/** What a reader of a comparison should know of what it rests on, each once. */
export function clusterNotes(before: ClusterSide, after: ClusterSide): string[] {
  const notes = [...before.warnings, ...after.warnings].map(formatFinding);
  for (const side of [before, after]) {
    const custom = side.policies.some(
      (policy) => policy.kind === "AuthorizationPolicy" && policy.spec?.action === "CUSTOM",
    );
    if (custom) notes.push("a CUSTOM policy asks an external authorizer; it is taken to agree");
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
