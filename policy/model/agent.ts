import type { DecisionAgent } from "../decide/rule.ts";
import type { Sourced } from "../load/source.ts";
import type { Agent, Group, Workload } from "./types.ts";

/** Resolves whom an agent may act for, and what it may present. */
export function resolveAgent(
  source: Sourced<"Agent">,
  workloads: ReadonlyMap<string, Workload>,
  groups: ReadonlyMap<string, Group>,
): Agent {
  const { metadata, spec } = source.document;
  const { identity, onBehalfOf } = spec;
  const spiffe = identity.type === "workload" ? workloads.get(identity.workload)?.spiffeId : undefined;
  const group = onBehalfOf.type === "group" ? groups.get(onBehalfOf.group) : undefined;
  const user = onBehalfOf.type === "user" ? onBehalfOf.user : undefined;
  const decision: DecisionAgent = {
    name: metadata.name,
    workloads: spiffe === undefined ? [] : [spiffe],
    onBehalfOfUser: user,
    onBehalfOf: {
      users: user === undefined ? (group?.users ?? []) : [user],
      idpGroups: group?.idpGroups ?? [],
    },
    ...(spec.suspended && { suspended: true }),
    expires: spec.expires,
  };
  return { name: metadata.name, labels: metadata.labels ?? {}, spec, position: source.position, decision };
}
