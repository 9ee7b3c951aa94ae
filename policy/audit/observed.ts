import type { Connection } from "../decide/index.ts";

/** Where a record stands. */
export interface LogPlace {
  readonly file: string;
  readonly line: number;
}

/** Connections alike in everything that a verdict depends on, seen in records. */
export interface Observed {
  readonly connection: Connection;
  readonly verdict: "allow" | "deny";
  readonly reason: string;
  /** Grants that the verdict rested on when it fell. */
  readonly rules: readonly string[];
  count: number;
  bytes: number;
  /** Epoch milliseconds. */
  first: number;
  last: number;
  lastAt: LogPlace;
}

/** What records of one period say. */
export interface Observations {
  readonly observed: readonly Observed[];
  readonly records: number;
  /** Of the earliest and latest record read, also outside of the period asked for: what the logs cover. */
  readonly covers: { readonly from: number; readonly to: number } | undefined;
  /** Records lost, as the logs themselves say. */
  readonly lost: number;
  /** Lines that are no record and none of a chain's own. */
  readonly unreadable: number;
  /** Connections that ended before they said what they wanted, such as a handshake that failed. */
  readonly unattributed: number;
  /** Different connections beyond the bound, which are not in `observed`. */
  readonly beyond: number;
}

/** Who it was, by the innermost name that is known. */
export function whoOf({ principal, sourceIp }: Connection): string {
  const { workload, person, agent } = principal;
  const human = person?.user ?? person?.awsRole;
  if (agent !== undefined) return human === undefined ? `agent:${agent}` : `agent:${agent} for ${human}`;
  return human ?? workload ?? sourceIp ?? "unknown";
}
