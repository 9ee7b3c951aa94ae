import { matches } from "../watch/state.ts";
import { ageText, bytesText } from "../watch/words.ts";
import type { LiveAnswer, TableAnswer } from "./answer.ts";
import type { LiveCache } from "./live-cache.ts";
import type { Refusals } from "./refusals.ts";

/** Rows of a table that a browser gets; the filter finds the others. */
const MOST_ROWS = 300;

export const LIVE_COLUMNS = [
  "Who",
  "Service",
  "Age",
  "Phase",
  "Grant",
  "To client",
  "From client",
  "Source",
] as const;
export const REFUSED_COLUMNS = ["Who", "Service", "Last", "Times", "Why", "Closed as", "Source"] as const;

export async function liveAnswer(cache: LiveCache, filter: string): Promise<LiveAnswer> {
  const { at, views } = await cache.get();
  const all = views.flatMap(({ connections }) => connections).sort((a, b) => b.since - a.since);
  const found = all.filter(
    ({ who, service, phase, rule, source, id }) =>
      filter === "" || matches(filter, [who, service, phase, rule, source, id]),
  );
  return {
    at,
    proxies: views.map(({ admin, connections, policy, problem }) => ({
      admin,
      connections: connections.length,
      digest: policy?.digest ?? "",
      problem: problem ?? policy?.lastReloadError ?? "",
    })),
    total: all.length,
    matching: found.length,
    problems: views.flatMap(({ admin, problem, policy }) => {
      if (problem !== undefined) return [problem];
      const refused = policy?.lastReloadError;
      return refused === undefined ? [] : [`${admin}: its last reload was refused: ${refused}`];
    }),
    rows: found.slice(0, MOST_ROWS).map((live) => ({
      id: live.id,
      cells: [
        live.who,
        live.service,
        ageText(at - live.since),
        live.phase,
        live.rule || "-",
        bytesText(live.bytesSent),
        bytesText(live.bytesReceived),
        live.source,
      ],
    })),
  };
}

export function refusedAnswer(refusals: Refusals, filter: string): TableAnswer {
  refusals.refresh();
  const found = refusals.list(filter);
  return {
    total: refusals.list("").length,
    matching: found.length,
    problems: refusals.problems,
    rows: found.slice(0, MOST_ROWS).map(({ id, count, seen }) => ({
      id,
      cells: [
        seen.who,
        seen.service,
        seen.time.replace("T", " ").replace(/\.\d+Z$/, "Z"),
        String(count),
        [seen.reason ?? "-", ...(seen.rule === undefined ? [] : [`Grant/${seen.rule}`])].join(", "),
        seen.close ?? "-",
        seen["src.addr"] ?? "-",
      ],
    })),
  };
}
