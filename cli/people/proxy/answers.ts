import { z } from "zod";

/** The shapes in which the proxy answers. Fields that a later proxy adds are no error. */

const strings = z.array(z.string());

/** `GET /v1/access`: what the holder of the credential may reach now. */
export const accessList = z.object({
  principal: z.object({
    workload: z.string().optional(),
    user: z.string().optional(),
    groups: strings.optional(),
    awsRole: z.string().optional(),
    agent: z.string().optional(),
  }),
  expires: z.string().nullish(),
  policy: z.object({ digest: z.string().optional(), commit: z.string().optional() }).optional(),
  services: z.array(
    z.object({
      service: z.string(),
      ports: z.array(z.object({ port: z.number(), protocol: z.string().default("tcp") })),
      description: z.string().optional(),
      owner: z.string().optional(),
      until: z.string().nullish(),
      rules: strings.default([]),
    }),
  ),
});

/** What a caller would need to have, by kind. */
export const missing = z.object({
  groups: strings.optional(),
  users: strings.optional(),
  awsRoles: strings.optional(),
  workloads: strings.optional(),
  agents: strings.optional(),
});

/** `GET /v1/access/SERVICE:PORT`: whether, and if not, why. */
export const accessAnswer = z.object({
  service: z.string(),
  port: z.number(),
  verdict: z.enum(["allow", "deny"]),
  reason: z.string().optional(),
  protocol: z.string().optional(),
  until: z.string().nullish(),
  missing: missing.nullish(),
  owner: z.string().nullish(),
  howToAsk: z.string().nullish(),
});

/** The body of a refusal. */
export const refusalBody = z.object({
  error: z.string(),
  message: z.string(),
  service: z.string().nullish(),
  owner: z.string().nullish(),
  missing: missing.nullish(),
  connection: z.string().nullish(),
});

export type AccessList = z.output<typeof accessList>;
export type ReachableService = AccessList["services"][number];
export type AccessAnswer = z.output<typeof accessAnswer>;
export type Missing = z.output<typeof missing>;
export type RefusalBody = z.output<typeof refusalBody>;
