import type { ProxyAgent, ProxyRule, ProxyService } from "../../policy/compile/proxy/config.ts";

/** Bounds on the places of a service. */
export type ServiceLimits = Pick<
  ProxyService["limits"],
  "maxConnections" | "maxConnectionsPerPrincipal" | "queue"
>;

/** What of a rule bounds places. */
export interface BoundingRule {
  readonly service: string;
  readonly id: string;
  readonly limits: Pick<
    ProxyRule["limits"],
    "maxConnections" | "maxConnectionsPerPrincipal" | "connectionsPerMinutePerPrincipal"
  >;
}

/** What of an agent bounds places. */
export type BoundingAgent = Pick<ProxyAgent, "name" | "maxConnections" | "connectionsPerMinute">;

/** A connection, as far as its limits are concerned. */
export interface Limited {
  readonly principalKey: string;
  readonly rules: readonly BoundingRule[];
  /** Set when the innermost link of the chain is an agent. */
  readonly agent: BoundingAgent | undefined;
  /** `limits.maxConnectionsPerPrincipal` of the proxy. */
  readonly perPrincipal: number | undefined;
}

/** One who wants a place at a service, and every bound that one more connection could break. */
export interface PlaceRequest extends Limited {
  readonly service: string;
  readonly serviceLimits: ServiceLimits;
}

/** Told what became of the request: `placeQueued` at most once, then one of the others. */
export interface Asker {
  placeGranted(): void;
  placeQueued(): void;
  /** @param why which bound: a `Reached`, as records have it */
  placeRefused(why: string): void;
}

/** The place of one connection, from asking to leaving. */
export interface Place {
  /** Asks, once. The answer may come before this returns. */
  ask(): void;
  /** After a reload: what bounds it now. What is held stays held, even beyond a new bound. */
  change(request: PlaceRequest): void;
  /** Gives the place back, or gives up waiting. Again: no effect. */
  leave(): void;
}

/** Who gives places: this process's own book, or, with several workers, the supervisor's. */
export interface Places {
  place(request: PlaceRequest, asker: Asker): Place;
  /** A reload changed a service's bounds. */
  setLimits(service: string, limits: ServiceLimits): void;
  /** How many wait for a place at a service, of this process. */
  waiting(service: string): number;
}

/** Whether anything bounds it. What nothing bounds need not be counted anywhere else than in its own process. */
export function isBounded({ rules, agent, perPrincipal, serviceLimits }: PlaceRequest): boolean {
  return (
    perPrincipal !== undefined ||
    serviceLimits.maxConnections !== undefined ||
    serviceLimits.maxConnectionsPerPrincipal !== undefined ||
    agent?.maxConnections !== undefined ||
    agent?.connectionsPerMinute !== undefined ||
    rules.some(boundsPlaces)
  );
}

export function boundsPlaces({ limits }: BoundingRule): boolean {
  return (
    limits.maxConnections !== undefined ||
    limits.maxConnectionsPerPrincipal !== undefined ||
    limits.connectionsPerMinutePerPrincipal !== undefined
  );
}
