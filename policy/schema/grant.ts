import { z } from "zod";
import { principalLimits } from "./limits.ts";
import { document, metadata } from "./metadata.ts";
import { cidr, host, instant, name, port, text, workloadId } from "./primitives.ts";

/** One allow or deny. */
export const grantSpec = z.strictObject({
  action: z.enum(["allow", "deny"]).default("allow").describe("A deny wins over every allow."),
  from: z
    .strictObject({
      workloads: z.array(workloadId).default([]).describe("Workloads, as namespace/name."),
      groups: z.array(name).default([]).describe("Groups."),
      agents: z.array(name).default([]).describe("Agents."),
      namespaces: z
        .array(name)
        .default([])
        .describe("Every workload of these namespaces, by its verified identity."),
      cidrs: z
        .array(cidr)
        .default([])
        .describe("Source addresses, whoever it is; identity is the better choice."),
    })
    .describe("Who; any of the entries matches."),
  to: z
    .strictObject({
      service: name.describe("The Service."),
      ports: z
        .array(port)
        .min(1, "leave `ports` out to mean all ports of the service")
        .optional()
        .describe("Ports of the service, as clients use them. @default all"),
      users: z
        .array(text)
        .min(1, "leave `users` out to mean the service's only user")
        .optional()
        .describe(
          "Users of the service (`aws.rds.users`, `aws.elasticache.users`) that the proxy may log in as, where the service has `auth`. A client gets the one that it asks for if it is among them, otherwise the first. @default the service's only user",
        ),
    })
    .describe("What may be reached."),
  via: z
    .enum(["mesh", "proxy", "both"])
    .optional()
    .describe(
      "Enforcement points that let it through. @default the mesh for workloads of an in-mesh service; the proxy for external services, people, agents, expiry and limits",
    ),
  when: z
    .strictObject({
      notBefore: instant.optional().describe("Not valid before this instant. Only the proxy can enforce it."),
      expires: instant.optional().describe("Not valid from this instant on. Only the proxy can enforce it."),
      sourceCidrs: z.array(cidr).min(1).optional().describe("And only from these source addresses."),
      sni: z
        .array(host)
        .min(1)
        .optional()
        .describe("And only for these TLS server names. A sidecar and the proxy see them, ztunnel does not."),
    })
    .optional()
    .describe("Conditions; all must hold."),
  limits: principalLimits.optional(),
  audit: z
    .enum(["none", "standard", "required"])
    .default("standard")
    .describe("`required`: a connection that cannot be recorded is refused."),
  owner: text.optional().describe("Who answers for the grant."),
  ticket: text.optional().describe("Where it was asked for."),
  reason: text.optional().describe("Why it exists; shown to whoever is denied by it or reviews it."),
});

/** See {@link grantSpec}. */
export const grant = document(
  "Grant",
  metadata,
  grantSpec,
  "One allow or deny: who may reach which ports of a service, through which enforcement point, under which conditions.",
);
