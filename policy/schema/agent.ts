import { z } from "zod";
import { principalLimits } from "./limits.ts";
import { document, metadata } from "./metadata.ts";
import { instant, name, qualified, text, workloadId } from "./primitives.ts";

/** An AI agent or script with an identity of its own. */
export const agentSpec = z.strictObject({
  identity: z
    .discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("oidc").describe("The agent presents a token of an OIDC provider."),
        subject: qualified.describe(
          "provider:subject of the token (`sub`, or `act.sub` after a token exchange).",
        ),
      }),
      z.strictObject({
        type: z.literal("workload").describe("The agent runs as a workload and presents its SVID."),
        workload: workloadId.describe("The Workload it runs as, namespace/name."),
      }),
    ])
    .describe("How the agent proves who it is."),
  onBehalfOf: z
    .discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("user").describe("One person."),
        user: qualified.describe("provider:user."),
      }),
      z.strictObject({
        type: z.literal("group").describe("Any member of a group."),
        group: name.describe("Name of the Group."),
      }),
    ])
    .describe("For whom it acts. Its verdict is the intersection of its own grants and theirs."),
  owner: text.describe("Who answers for it."),
  expires: instant.describe("When its access ends. Required: an agent without an end is forgotten."),
  suspended: z
    .boolean()
    .default(false)
    .describe(
      "The kill switch: it may do nothing, and every connection that it has is closed as soon as the policy is in force.",
    ),
  services: z
    .array(name)
    .min(1, "name at least one service")
    .describe("Services it may be granted; a grant to any other is an error."),
  limits: principalLimits
    .extend({
      maxConnections: z
        .number()
        .int()
        .min(1)
        .max(10_000)
        .describe("Connections at one time. Required: agents retry."),
    })
    .describe("What it may use."),
});

/** See {@link agentSpec}. */
export const agent = document(
  "Agent",
  metadata,
  agentSpec,
  "An AI agent or script with an identity of its own, the person or group it acts for, an end and bounds.",
);
