import { z } from "zod";
import { document, metadata } from "./metadata.ts";
import { arn, name, qualified, text, workloadId } from "./primitives.ts";

/** A named set of identities. */
export const groupSpec = z.strictObject({
  members: z
    .strictObject({
      idpGroups: z
        .array(qualified)
        .default([])
        .describe("Groups of an identity provider, as provider:group, e.g. okta:dba."),
      users: z.array(qualified).default([]).describe("Users of an identity provider, as provider:user."),
      awsRoles: z.array(arn).default([]).describe("IAM roles, by ARN of the role (not of a session)."),
      workloads: z.array(workloadId).default([]).describe("Workloads, as namespace/name."),
      agents: z.array(name).default([]).describe("Agents."),
      groups: z.array(name).default([]).describe("Other groups; a cycle is an error."),
    })
    .describe("Who belongs to the group. A Workload may also name the group itself in `groups`."),
  owner: text.optional().describe("Team or person who answers for it."),
});

/** See {@link groupSpec}. */
export const group = document(
  "Group",
  metadata,
  groupSpec,
  "A named set of identities: groups and users of identity providers, AWS roles, workloads, agents.",
);
