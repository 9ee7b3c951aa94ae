import { type AddressSet, addressSet, IPV4, IPV6, toCidrs } from "../../sets/addresses.ts";
import { complement, type Range } from "../../sets/ranges.ts";
import type { Cell, Grid, Name, Place, Span } from "./grid.ts";

/** A cell that is open, and what an open connection is subject to. */
export interface OpenCell {
  readonly cell: Cell;
  /** The enforcement point in words. */
  readonly point: string;
  readonly terms: string;
}

/**
 * Open cells in words, each entry one way in: `via proxy, until 2027-09-30T00:00:00.000Z, source 10.0.0.0/8`. Exact, and in
 * as few entries as joining neighbours comes to. Equal sets give equal text.
 */
export function describe(grid: Grid, open: readonly OpenCell[]): string[] {
  const texts = [...Map.groupBy(open, ({ point }) => point)].flatMap(([point, atPoint]) =>
    describePoint(grid, atPoint).map((text) => ({ point, text })),
  );
  return [...Map.groupBy(texts, ({ text }) => text)].map(([text, entries]) => {
    const points = [...new Set(entries.map(({ point }) => point))].join(" or ");
    return text === "" ? `via ${points}` : `via ${points}, ${text}`;
  });
}

/** Addresses of which the same is true for each server name are told together; then server names with the same times. */
function describePoint(grid: Grid, open: readonly OpenCell[]): string[] {
  const now = grid.spans[0]?.from ?? 0;
  const byPlace = Map.groupBy(open, ({ cell }) => cell.place);
  const places = Map.groupBy(grid.places, (place) => {
    const byName = Map.groupBy(byPlace.get(place) ?? [], ({ cell }) => cell.name);
    return JSON.stringify(grid.names.map((name) => timesText(byName.get(name) ?? [], now)));
  });
  return [...places.values()].flatMap((alike) => {
    const [first] = alike;
    const there = first === undefined ? [] : (byPlace.get(first) ?? []);
    const byName = Map.groupBy(there, ({ cell }) => cell.name);
    const names = Map.groupBy(grid.names, (name) => JSON.stringify(timesText(byName.get(name) ?? [], now)));
    return [...names.values()].flatMap((same) => {
      const [name] = same;
      const times = timesText((name && byName.get(name)) ?? [], now);
      return times.map((time) =>
        [time, placesText(grid, alike), namesText(grid, same)].filter((text) => text !== "").join(", "),
      );
    });
  });
}

/** The times of cells that differ in nothing else, neighbours with the same terms joined. */
function timesText(cells: readonly OpenCell[], now: number): string[] {
  const joined: { span: Span; terms: string }[] = [];
  for (const { cell, terms } of cells) {
    const last = joined.at(-1);
    if (last !== undefined && last.terms === terms && last.span.until === cell.span.from) {
      joined[joined.length - 1] = { span: { from: last.span.from, until: cell.span.until }, terms };
    } else joined.push({ span: cell.span, terms });
  }
  return joined.map(({ span, terms }) =>
    [spanText(span, now), terms].filter((text) => text !== "").join(", "),
  );
}

function spanText({ from, until }: Span, now: number): string {
  const text: string[] = [];
  if (from !== now) text.push(`from ${instantText(from)}`);
  if (Number.isFinite(until)) text.push(`until ${instantText(until)}`);
  return text.join(" ");
}

/** RFC 3339, without milliseconds that say nothing. */
function instantText(instant: number): string {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}

function placesText(grid: Grid, places: readonly Place[]): string {
  if (places.length === grid.places.length) return "";
  const set = addressesOf(places);
  const inside = toCidrs(set);
  const outside = toCidrs({ ipv4: complement(IPV4, set.ipv4), ipv6: complement(IPV6, set.ipv6) });
  return outside.length > 0 && outside.length < inside.length
    ? `source other than ${outside.join(", ")}`
    : `source ${inside.join(", ")}`;
}

export function addressesOf(places: readonly Place[]): AddressSet {
  const ipv4 = places.flatMap((place): Range<number>[] => (place.type === "ipv4" ? [place.range] : []));
  const ipv6 = places.flatMap((place): Range<bigint>[] => (place.type === "ipv6" ? [place.range] : []));
  return addressSet(ipv4, ipv6);
}

function namesText(grid: Grid, names: readonly Name[]): string {
  if (names.length === grid.names.length) return "";
  const mentioned = (list: readonly Name[]) =>
    list.flatMap((name) => (name.type === "other" ? [] : [name.name])).join(", ");
  if (!names.some(({ type }) => type === "other")) return `SNI ${mentioned(names)}`;
  return `SNI other than ${mentioned(grid.names.filter((name) => !names.includes(name)))}`;
}
