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
/** The kinds of policy objects. */
export type Kind = (typeof KINDS)[number];

/** A policy document as a user writes it: defaults may be left out. */
export type DocumentInput<K extends Kind = Kind> = z.input<(typeof schemas)[K]>;
/** A policy document after parsing: defaults are filled in. */
export type Document<K extends Kind = Kind> = z.output<(typeof schemas)[K]>;

/** The `spec` of a Trust, checked, with its defaults. */
export type TrustSpec = z.output<typeof trustSpec>;
/** The `spec` of a Service, checked, with its defaults. */
export type ServiceSpec = z.output<typeof serviceSpec>;
/** The `spec` of a Workload, checked, with its defaults. */
export type WorkloadSpec = z.output<typeof workloadSpec>;
/** The `spec` of a Group, checked, with its defaults. */
export type GroupSpec = z.output<typeof groupSpec>;
/** The `spec` of an Agent, checked, with its defaults. */
export type AgentSpec = z.output<typeof agentSpec>;
/** The `spec` of a Grant, checked, with its defaults. */
export type GrantSpec = z.output<typeof grantSpec>;
/** The `spec` of a Waiver, checked, with its defaults. */
export type WaiverSpec = z.output<typeof waiverSpec>;

/** The metadata of a policy object; `namespace` exists on a Workload only. */
export type Metadata = Document<"Service">["metadata"];

export type { AgentSpecInput } from "./input/agent.ts";
export type { GrantSpecInput } from "./input/grant.ts";
export type { GroupSpecInput } from "./input/group.ts";
export type { ServiceSpecInput } from "./input/service.ts";
export type { TrustSpecInput } from "./input/trust.ts";
export type { WaiverSpecInput } from "./input/waiver.ts";
export type { WorkloadSpecInput } from "./input/workload.ts";
export { API_VERSION, hasRef, milliseconds, ref, refNames } from "./primitives.ts";
export { PROTOCOLS, type Protocol } from "./service.ts";
