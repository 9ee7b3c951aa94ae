import { printable } from "../audit/printable.ts";
import { bold, colored } from "../format/color.ts";
import type { Live } from "../live/proxies.ts";
import type { Seen } from "../live/records.ts";
import { type Column, cell, layOut, row } from "./cells.ts";
import { liveShown, recordsShown, type WatchState } from "./state.ts";
import { ageText, bytesText, clockText } from "./words.ts";

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

const LIVE: readonly Column[] = [
  { title: "AGE", width: [6, 6], side: "right" },
  { title: "WHO", width: [12, 60] },
  { title: "SERVICE", width: [12, 32] },
  { title: "PHASE", width: [8, 8], spare: 3 },
  { title: "GRANT", width: [10, 30], spare: 2 },
  { title: "TO CL.", width: [6, 6], side: "right", spare: 4 },
  { title: "FROM CL.", width: [8, 8], side: "right", spare: 5 },
  { title: "SOURCE", width: [15, 45], spare: 6 },
];
const SEEN: readonly Column[] = [
  { title: "TIME", width: [8, 8] },
  { title: "VERDICT", width: [7, 7] },
  { title: "WHO", width: [10, 60] },
  { title: "SERVICE", width: [12, 32] },
  { title: "WHY", width: [22, 40], spare: 1 },
  { title: "CLOSE", width: [8, 20], spare: 2 },
  { title: "SOURCE", width: [15, 45], spare: 3 },
];

/** The lines of the page, as many as there are rows, each as wide as the terminal at most. */
export function frameOf(
  state: WatchState,
  { columns, rows }: FrameSize,
  now: number,
  color: boolean,
): string[] {
  const head = headLines(state, columns, now, color);
  const foot = [footLine(state, columns)];
  const room = Math.max(0, rows - head.length - foot.length);
  const seenRoom = state.hasLog ? (state.hasAdmin ? Math.floor(room / 2) : room) : 0;
  const lines = [
    ...head,
    ...(state.hasAdmin ? liveLines(state, room - seenRoom, columns, now, color) : []),
    ...(state.hasLog ? seenLines(state, seenRoom, columns, color) : []),
  ].slice(0, rows - 1);
  while (lines.length < rows - 1) lines.push("");
  return [...lines, ...foot].slice(0, rows);
}

function headLines(state: WatchState, columns: number, now: number, color: boolean): string[] {
  const digests = new Set(
    state.proxies.flatMap(({ policy }) => policy?.digest.replace(/^sha256:/, "").slice(0, 12) ?? []),
  );
  const answering = state.proxies.filter(({ problem }) => problem === undefined).length;
  const parts = [
    "portreeve watch",
    `${clockText(now)} UTC`,
    ...(state.hasAdmin ? [`${answering} of ${state.proxies.length} proxies answer`] : []),
    ...(digests.size === 0 ? [] : [`policy ${[...digests].map(printable).join(", ")}`]),
    ...(state.paused ? ["PAUSED"] : []),
  ];
  const problems = [
    ...state.proxies.flatMap(({ problem }) => problem ?? []),
    ...state.proxies.flatMap(({ admin, policy }) =>
      policy?.lastReloadError === undefined
        ? []
        : [`${admin}: its last reload was refused: ${policy.lastReloadError}`],
    ),
    ...state.logProblems,
  ];
  return [
    bold(cell(parts.join("  "), columns), color),
    ...problems.slice(0, 3).map((text) => colored("error", cell(printable(text), columns), color)),
  ];
}

function liveLines(state: WatchState, room: number, columns: number, now: number, color: boolean): string[] {
  const shown = liveShown(state);
  const widths = layOut(LIVE, columns);
  const count = Math.max(0, room - 2);
  const first = Math.min(state.scroll, Math.max(0, shown.length - count));
  const page = shown.slice(first, first + count);
  const which = page.length < shown.length ? `, ${first + 1} to ${first + page.length} shown` : "";
  const title = `Live connections: ${countText(shown.length, state.live.length)}${which}`;
  return [
    bold(cell(title, columns), color),
    row(
      LIVE,
      widths,
      LIVE.map(({ title: name }) => name),
    ),
    ...page.map((live) => row(LIVE, widths, liveCells(live, now))),
  ].slice(0, room);
}

function liveCells(live: Live, now: number): string[] {
  return [
    ageText(now - live.since),
    printable(live.who),
    printable(live.service),
    printable(live.phase),
    printable(live.rule || "-"),
    bytesText(live.bytesSent),
    bytesText(live.bytesReceived),
    printable(live.source),
  ];
}

function seenLines(state: WatchState, room: number, columns: number, color: boolean): string[] {
  const shown = recordsShown(state);
  const widths = layOut(SEEN, columns);
  return [
    bold(
      cell(`Ended and refused: ${countText(shown.length, state.records.length)}, newest first`, columns),
      color,
    ),
    row(
      SEEN,
      widths,
      SEEN.map(({ title }) => title),
    ),
    ...shown.slice(0, Math.max(0, room - 2)).map((seen) => {
      const text = row(SEEN, widths, seenCells(seen));
      return seen.verdict === "deny" ? colored("error", text, color) : text;
    }),
  ].slice(0, Math.max(0, room));
}

function seenCells(seen: Seen): string[] {
  return [
    clockText(Date.parse(seen.time)),
    seen.verdict,
    printable(seen.who),
    printable(seen.service),
    printable(seen.rule ?? seen.reason ?? "-"),
    printable(seen.close ?? "-"),
    printable(seen["src.addr"] ?? "-"),
  ];
}

function countText(shown: number, all: number): string {
  return shown === all ? String(all) : `${shown} of ${all}`;
}

function footLine({ typing, filter, paused }: WatchState, columns: number): string {
  if (typing !== undefined)
    return cell(`filter: ${printable(typing)}_   Enter: take it, Esc: leave it`, columns);
  const what = filter === "" ? "" : `   filter: ${printable(filter)} (Esc: none)`;
  return cell(
    `q quit   p ${paused ? "go on" : "pause"}   / filter   up, down, PgUp, PgDn: scroll${what}`,
    columns,
  );
}
