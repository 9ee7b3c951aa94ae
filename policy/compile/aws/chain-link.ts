import type { Finding, Position } from "../../finding.ts";
import type { Cluster, Model, Service, Workload } from "../../model/types.ts";
import type { ChainIndex } from "./chain-index.ts";
import type { Context } from "./context.ts";
import type { Granted } from "./holders.ts";

/** The links from a service account to a service, in the order in which a connection needs them. */
export const CHAIN_LINKS = [
  "service account",
  "SPIFFE ID",
  "association",
  "trust",
  "permission",
  "security group",
  "route",
  "verdict",
] as const;
export type ChainLinkName = (typeof CHAIN_LINKS)[number];

/**
 * One link. `not needed`: this chain has no such link. `not known`: it is managed elsewhere, or hangs on a value that only the
 * deployment knows. A `broken` one has a reason and what to do.
 */
export type ChainLink = {
  readonly name: ChainLinkName;
  /** What the link is: an identity, an ARN, a rule. */
  readonly what: string;
} & (
  | { readonly state: "holds" | "not needed" | "not known" }
  | { readonly state: "broken"; readonly reason: string; readonly fix: string; readonly position?: Position }
);
export type BrokenLink = Extract<ChainLink, { readonly state: "broken" }>;

/** What every link is judged by. */
export interface ChainInput {
  readonly context: Context;
  readonly cluster: Cluster;
  readonly model: Model;
  readonly workload: Workload;
  readonly service: Service;
  readonly index: ChainIndex;
  /** The grants that open the service to the workload, whenever; undefined when none does. */
  readonly granted: Granted | undefined;
  /** Of all compilers, about this workload or this service. */
  readonly findings: readonly Finding[];
  readonly instant: number | undefined;
}

/** A link that holds, or is not there to hold. */
export function link(
  name: ChainLinkName,
  state: "holds" | "not needed" | "not known",
  what: string,
): ChainLink {
  return { name, state, what };
}

export function broken(
  name: ChainLinkName,
  what: string,
  reason: string,
  fix: string,
  position?: Position,
): BrokenLink {
  return { name, state: "broken", what, reason, fix, ...(position && { position }) };
}

/** A link that a compiler already refused. */
export function refused(name: ChainLinkName, what: string, finding: Finding): BrokenLink {
  return broken(
    name,
    what,
    `${finding.message} (${finding.rule})`,
    finding.fix ?? "see the finding",
    finding.position,
  );
}
