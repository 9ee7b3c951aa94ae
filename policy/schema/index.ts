import type { z } from "zod";
import { agent, type agentSpec } from "./agent.ts";
import { grant, type grantSpec } from "./grant.ts";
import { group, type groupSpec } from "./group.ts";
import { service, type serviceSpec } from "./service.ts";
import { trust, type trustSpec } from "./trust.ts";
import { waiver, type waiverSpec } from "./waiver.ts";
import { workload, type workloadSpec } from "./workload.ts";

/** The schema of each kind, by its name. */
export const schemas = {
  Trust: trust,
  Service: service,
  Workload: workload,
  Group: group,
  Agent: agent,
  Grant: grant,
  Waiver: waiver,
} as const;

/** The kinds of policy object. */
export const KINDS = ["Trust", "Service", "Workload", "Group", "Agent", "Grant", "Waiver"] as const;
export type Kind = (typeof KINDS)[number];

/** A policy document as a user writes it: defaults may be left out. */
export type DocumentInput<K extends Kind = Kind> = z.input<(typeof schemas)[K]>;
/** A policy document after parsing: defaults are filled in. */
export type Document<K extends Kind = Kind> = z.output<(typeof schemas)[K]>;

export type TrustSpecInput = z.input<typeof trustSpec>;
export type TrustSpec = z.output<typeof trustSpec>;
export type ServiceSpecInput = z.input<typeof serviceSpec>;
export type ServiceSpec = z.output<typeof serviceSpec>;
export type WorkloadSpecInput = z.input<typeof workloadSpec>;
export type WorkloadSpec = z.output<typeof workloadSpec>;
export type GroupSpecInput = z.input<typeof groupSpec>;
export type GroupSpec = z.output<typeof groupSpec>;
export type AgentSpecInput = z.input<typeof agentSpec>;
export type AgentSpec = z.output<typeof agentSpec>;
export type GrantSpecInput = z.input<typeof grantSpec>;
export type GrantSpec = z.output<typeof grantSpec>;
export type WaiverSpecInput = z.input<typeof waiverSpec>;
export type WaiverSpec = z.output<typeof waiverSpec>;

/** The metadata of a policy object; `namespace` exists on a Workload only. */
export type Metadata = Document<"Service">["metadata"];

export { API_VERSION, hasRef, milliseconds, ref, refNames } from "./primitives.ts";
export { PROTOCOLS, type Protocol } from "./service.ts";
