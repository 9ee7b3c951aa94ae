import * as z from "zod";
import { checkReferences } from "./config-check.ts";
import { listenerSchema } from "./config-listener.ts";
import {
  adminSchema,
  auditSchema,
  drainSchema,
  metricsSchema,
  processLimitsSchema,
} from "./config-operate.ts";
import { agentSchema, ruleSchema, type subjectsSchema, type whenSchema } from "./config-rule.ts";
import { name } from "./config-scalar.ts";
import { serviceSchema } from "./config-service.ts";
import { certificateSchema, identityProvidersSchema, trustSchema } from "./config-trust.ts";

/** The fields of a configuration, before its references are checked. */
export const proxyConfigFields = z.strictObject({
  /** Version of this format. A proxy refuses a version that it does not know. */
  version: z.literal(1),
  /** Which policy this is: every record carries it. */
  policy: z.strictObject({
    /** Digest of the resolved policy model, such as `sha256:…`. */
    digest: z.string().min(1),
    /** Commit of the policy sources. @default unknown */
    commit: z.string().optional(),
  }),
  /** This proxy in records and metrics. @default portreeve */
  proxy: z
    .strictObject({
      name: name.default("portreeve"),
      namespace: z.string().default("unknown"),
      cluster: z.string().default("unknown"),
    })
    .prefault({}),
  trust: trustSchema,
  certificate: certificateSchema,
  listeners: z.array(listenerSchema).min(1),
  services: z.array(serviceSchema),
  rules: z.array(ruleSchema),
  /** @default none */
  agents: z.array(agentSchema).default([]),
  /** @default none: nobody but workloads */
  identityProviders: identityProvidersSchema.prefault({}),
  audit: auditSchema.prefault({}),
  metrics: metricsSchema.prefault({}),
  /** @default none */
  admin: adminSchema.optional(),
  /**
   * Processes that share the ports by `SO_REUSEPORT`; `auto` is one a core. Bounds hold for all of them together.
   * @default 1
   */
  workers: z.union([z.int().min(1).max(256), z.literal("auto")]).default(1),
  limits: processLimitsSchema.prefault({}),
  drain: drainSchema.prefault({}),
});

/**
 * The configuration of one proxy: what `policy/compile/proxy` emits and `portreeve proxy --config` reads. Strict: an
 * unknown field is an error, because a misspelt bound is no bound.
 */
export const proxyConfigSchema = proxyConfigFields.superRefine(checkReferences);

/** As it is written in a file: defaults may be left out, durations are text. What the compiler emits. */
export type ProxyConfigInput = z.input<typeof proxyConfigSchema>;
/** As the proxy uses it: defaults filled in, durations in milliseconds, instants in milliseconds since the epoch. */
export type ProxyConfig = z.output<typeof proxyConfigSchema>;
export type ProxyListener = ProxyConfig["listeners"][number];
export type ProxyService = ProxyConfig["services"][number];
export type ProxyServicePort = ProxyService["ports"][number];
export type ProxyProtocolName = ProxyServicePort["protocol"];
export type ProxyUpstreamTls = ProxyService["tls"];
export type ProxyServiceAuth = NonNullable<ProxyService["auth"]>;
export type ProxyRule = z.output<typeof ruleSchema>;
export type ProxySubjects = z.output<typeof subjectsSchema>;
export type ProxyWhen = z.output<typeof whenSchema>;
export type ProxyAgent = z.output<typeof agentSchema>;
export type ProxyTrust = z.output<typeof trustSchema>;
export type ProxyCertificate = z.output<typeof certificateSchema>;
export type ProxyAudit = z.output<typeof auditSchema>;
export type ProxyAuditSink = ProxyAudit["sinks"][number];
export type ProxyIdentityProviders = z.output<typeof identityProvidersSchema>;
