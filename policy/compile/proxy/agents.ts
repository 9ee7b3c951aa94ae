import type { Finding } from "../../finding.ts";
import type { Model } from "../../model/types.ts";
import { findingAt } from "../report.ts";
import type { ProxyConfigInput } from "./config.ts";
import { proxyDuration, proxyInstant } from "./scalar.ts";

type ConfigAgent = NonNullable<ProxyConfigInput["agents"]>[number];

/** Every agent of the estate, in the order of their names. */
export function proxyAgents(model: Model, findings: Finding[]): ConfigAgent[] {
  return [...model.agents.values()].map((agent) => {
    const { spec, decision } = agent;
    const { limits, identity } = spec;
    if (limits.maxBytes !== undefined) {
      findings.push(
        findingAt(
          "PR422",
          "error",
          { kind: "Agent", id: agent.name, position: agent.position },
          `\`limits.maxBytes\` of agent ${agent.name} cannot be enforced: the proxy bounds bytes by grant`,
          "state `limits.maxBytes` in the agent's grants",
        ),
      );
    }
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
      maxConnections: limits.maxConnections,
      ...(limits.connectionsPerMinute !== undefined && { connectionsPerMinute: limits.connectionsPerMinute }),
      ...(limits.maxConnectionDuration !== undefined && {
        maxDuration: proxyDuration(limits.maxConnectionDuration),
      }),
    };
  });
}
