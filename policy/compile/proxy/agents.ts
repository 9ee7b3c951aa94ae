import type { Model } from "../../model/types.ts";
import type { ProxyConfigInput } from "./config.ts";
import { proxyDuration, proxyInstant } from "./scalar.ts";

type ConfigAgent = NonNullable<ProxyConfigInput["agents"]>[number];

/** Every agent of the estate, in the order of their names. */
export function proxyAgents(model: Model): ConfigAgent[] {
  return [...model.agents.values()].map((agent) => {
    const { spec, decision } = agent;
    const { limits, identity } = spec;
    return {
      name: agent.name,
      owner: spec.owner,
      workloads: [...decision.workloads],
      ...(decision.onBehalfOfUser !== undefined && { onBehalfOfUser: decision.onBehalfOfUser }),
      onBehalfOf: {
        users: [...decision.onBehalfOf.users],
        idpGroups: [...decision.onBehalfOf.idpGroups],
      },
      tokens: identity.type === "oidc" ? [identity.subject] : [],
      expires: proxyInstant(spec.expires),
      ...(spec.suspended && { disabled: true }),
      maxConnections: limits.maxConnections,
      ...(limits.connectionsPerMinute !== undefined && { connectionsPerMinute: limits.connectionsPerMinute }),
      ...(limits.maxConnectionDuration !== undefined && {
        maxDuration: proxyDuration(limits.maxConnectionDuration),
      }),
      ...(limits.maxBytes !== undefined && { maxBytes: limits.maxBytes }),
    };
  });
}
