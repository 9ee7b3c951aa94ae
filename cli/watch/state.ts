import type { Live, ProxyView } from "../live/proxies.ts";
import type { Seen } from "../live/records.ts";

/** More of the past than this is what `audit query` is for. */
const MOST_RECORDS = 1_000;

/** Everything that a frame is drawn from. */
export interface WatchState {
  readonly proxies: readonly ProxyView[];
  /** The youngest first. */
  readonly live: readonly Live[];
  /** The newest first. */
  readonly records: readonly Seen[];
  readonly logProblems: readonly string[];
  /** Whether records are followed at all, and live connections asked for. */
  readonly hasLog: boolean;
  readonly hasAdmin: boolean;
  readonly filter: string;
  /** What is being typed as a filter; undefined when nothing is. */
  readonly typing: string | undefined;
  readonly paused: boolean;
  /** Lines scrolled down in the live connections. */
  readonly scroll: number;
}

export function beginning(hasAdmin: boolean, hasLog: boolean): WatchState {
  return {
    proxies: [],
    live: [],
    records: [],
    logProblems: [],
    hasLog,
    hasAdmin,
    filter: "",
    typing: undefined,
    paused: false,
    scroll: 0,
  };
}

export function withProxies(state: WatchState, proxies: readonly ProxyView[]): WatchState {
  const live = proxies.flatMap(({ connections }) => connections);
  return { ...state, proxies, live: live.sort((a, b) => b.since - a.since || (a.id < b.id ? -1 : 1)) };
}

export function withRecords(
  state: WatchState,
  more: readonly Seen[],
  logProblems: readonly string[],
): WatchState {
  const records = [...more.toReversed(), ...state.records].slice(0, MOST_RECORDS);
  return { ...state, records, logProblems };
}

/** What the filter lets through: every word of it is in one of these texts, small and capital letters alike. */
export function matches(filter: string, texts: readonly (string | undefined)[]): boolean {
  const all = texts.join(" ").toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

export function liveShown({ live, filter }: WatchState): readonly Live[] {
  if (filter === "") return live;
  return live.filter(({ who, service, phase, rule, source, upstream, id }) =>
    matches(filter, [who, service, phase, rule, source, upstream, id]),
  );
}

export function recordsShown({ records, filter }: WatchState): readonly Seen[] {
  return filter === "" ? records : records.filter((seen) => recordMatches(filter, seen));
}

export function recordMatches(filter: string, seen: Seen): boolean {
  const { who, service, verdict, reason, rule, close, connection } = seen;
  return matches(filter, [who, service, verdict, reason, rule, close, connection, seen["src.addr"]]);
}
