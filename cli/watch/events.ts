import { printable } from "../audit/printable.ts";
import type { Live, ProxyView } from "../live/proxies.ts";
import type { Seen } from "../live/records.ts";
import { matches, recordMatches } from "./state.ts";
import { bytesText } from "./words.ts";

/** What happened between two looks, for a file or a pipe. */
export type WatchEvent =
  | ({ readonly event: "opened" | "closed" } & Live)
  | { readonly event: "record"; readonly record: Seen }
  | { readonly event: "problem"; readonly text: string }
  | { readonly event: "answers"; readonly admin: string; readonly connections: number };

/** The difference of two answers of the proxies. Those of a proxy that does not answer have not ended: nobody knows. */
export function changes(before: readonly ProxyView[], after: readonly ProxyView[]): WatchEvent[] {
  const events: WatchEvent[] = [];
  for (const proxy of after) {
    const was = before.find(({ admin }) => admin === proxy.admin);
    if (proxy.problem !== undefined) {
      if (was?.problem !== proxy.problem) events.push({ event: "problem", text: proxy.problem });
      continue;
    }
    if (was === undefined || was.problem !== undefined) {
      events.push({ event: "answers", admin: proxy.admin, connections: proxy.connections.length });
    }
    const [old, now] = [byId(was), byId(proxy)];
    for (const [id, live] of old) if (!now.has(id)) events.push({ event: "closed", ...live });
    for (const [id, live] of now) if (!old.has(id)) events.push({ event: "opened", ...live });
  }
  return events;
}

/** What to compare with the next time: of a proxy that does not answer, what it said last. */
export function remembered(before: readonly ProxyView[], after: readonly ProxyView[]): ProxyView[] {
  return after.map((proxy) => {
    if (proxy.problem === undefined) return proxy;
    const was = before.find(({ admin }) => admin === proxy.admin);
    return { ...proxy, connections: was?.connections ?? [] };
  });
}

function byId(proxy: ProxyView | undefined): Map<string, Live> {
  return new Map(proxy?.connections.map((live) => [live.id, live]));
}

export function eventMatches(filter: string, event: WatchEvent): boolean {
  if (filter === "") return true;
  switch (event.event) {
    case "opened":
    case "closed":
      return matches(filter, [event.who, event.service, event.phase, event.rule, event.source, event.id]);
    case "record":
      return recordMatches(filter, event.record);
    case "problem":
    case "answers":
      return true;
  }
}

/** An event as one line. */
export function eventLine(event: WatchEvent, now: number): string {
  const at = new Date(now).toISOString();
  switch (event.event) {
    case "opened":
      return printable(
        `${at} open   ${event.who} -> ${event.service} ${event.phase} ${event.rule || "-"} ${event.source} ${event.id}`,
      );
    case "closed":
      return printable(
        `${at} gone   ${event.who} -> ${event.service} ${event.rule || "-"} ${bytesText(event.bytesSent)} to, ${bytesText(event.bytesReceived)} from ${event.source} ${event.id}`,
      );
    case "record":
      return recordLine(event.record);
    case "problem":
      return printable(`${at} !      ${event.text}`);
    case "answers":
      return printable(`${at} proxy  ${event.admin} answers, ${event.connections} live connections`);
  }
}

function recordLine(seen: Seen): string {
  const { time, verdict, who, service, rule, reason, close, connection } = seen;
  return printable(
    `${time} ${verdict.padEnd(6)} ${who} -> ${service} ${rule ?? reason ?? "-"} ${close ?? "-"} ${seen["src.addr"] ?? "-"} ${connection}`,
  );
}
