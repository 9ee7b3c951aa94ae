import { columns } from "../format/columns.ts";
import { printable } from "./printable.ts";
import type { FullReport } from "./report-data.ts";

/** The report in short, for a terminal; the whole of it is in HTML and JSON. */
export function reportText(report: FullReport): string {
  const { services, grants, waivers, integrity, observations } = report;
  const sum = (rows: readonly { readonly count: number }[]): number =>
    rows.reduce((total, { count }) => total + count, 0);
  const table = columns([
    ["service", "could reach", "did", "connections", "denied", "last"],
    ...services.map(({ name, could, did, denied, unseen }) => [
      name,
      String(could.filter(({ row, until }) => row.action === "allow" && until === undefined).length),
      String(new Set(did.map(({ who }) => who)).size),
      String(sum(did)),
      String(sum(denied)),
      did.length === 0 ? (unseen === undefined ? "-" : "not seen") : isoMinute(latestOf(did)),
    ]),
  ]);
  const dormant = grants.filter(({ state }) => state === "dormant").map(({ grant }) => grant.name);
  const unknown = grants.filter(({ state }) => state === "unknown").length;
  const lines = [
    `${isoMinute(report.since)} to ${isoMinute(report.until)}, ${observations.records} records, ${report.commits} ${report.commits === 1 ? "state" : "states"} of the policies`,
    ...(report.historyNote === undefined ? [] : [`note: ${report.historyNote}`]),
    "",
    ...table,
    "",
    `never used: ${dormant.join(", ") || "no grant"}${unknown > 0 ? `; of ${unknown} grants the records cannot tell` : ""}`,
    `waivers: ${waivers.length}, of them expired: ${
      waivers
        .filter(({ expired }) => expired)
        .map(({ name }) => name)
        .join(", ") || "none"
    }`,
    `logs: ${integrity.problems.length === 0 ? "nothing was changed" : `${integrity.problems.length + integrity.more} problems: portreeve audit verify names them`}; ${observations.lost} records lost, ${observations.unreadable} lines unreadable`,
    `certificates: ${report.certificates}`,
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

export function isoMinute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16)}Z`;
}

/** When the latest of them was; a spread into `Math.max` would end at some hundred thousand rows. */
export function latestOf(rows: readonly { readonly last: number }[]): number {
  return rows.reduce((latest, { last }) => Math.max(latest, last), 0);
}
