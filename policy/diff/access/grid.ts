import { type Address, type Block, blockHolds } from "../../decide/address.ts";
import type { Via } from "../../decide/rule.ts";
import { IPV4, IPV6 } from "../../sets/addresses.ts";
import { pieces, type Range } from "../../sets/ranges.ts";
import type { AccessRule } from "./rule.ts";

/** Times from `from` to before `until`, in epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** Source addresses that every rule treats alike; `unknown` is a connection of which nobody knows the address. */
export type Place =
  | { readonly type: "unknown" }
  | { readonly type: "ipv4"; readonly range: Range<number> }
  | { readonly type: "ipv6"; readonly range: Range<bigint> };

/** Server names that every rule treats alike. */
export type Name =
  /** No server name at all, or one that no rule mentions. */
  | { readonly type: "other" }
  | { readonly type: "exact"; readonly name: string }
  /** `*.example.com`, without the names and narrower patterns below it that are classes of their own. */
  | { readonly type: "pattern"; readonly name: string };

/** Every dimension of a connection but who and where to, cut so that each cell gets one answer from each rule. */
export interface Grid {
  readonly vias: readonly Via[];
  readonly spans: readonly Span[];
  readonly places: readonly Place[];
  readonly names: readonly Name[];
}

export interface Cell {
  readonly via: Via;
  readonly span: Span;
  readonly place: Place;
  readonly name: Name;
}

/**
 * Cuts the dimensions at every edge of these rules, from the instant `now` on: what was open only in the past is no
 * access.
 */
export function gridOf(rules: readonly AccessRule[], now: number): Grid {
  const edges = rules.flatMap(({ notBefore, expires }) => [notBefore, expires]);
  const starts = [...new Set([now, ...edges.filter((edge) => edge > now && Number.isFinite(edge))])].sort(
    (a, b) => a - b,
  );
  const blocks = rules.flatMap(({ addresses }) => addresses.flat());
  const ipv4 = blocks.flatMap((block): Range<number>[][] => (isIPv4(block) ? [[block]] : []));
  const ipv6 = blocks.flatMap((block): Range<bigint>[][] => (isIPv4(block) ? [] : [[block]]));
  const patterns = [...new Set(rules.flatMap(({ sni }) => sni ?? []))].sort();
  return {
    vias: ["mesh", "proxy"],
    spans: starts.map((from, index) => ({ from, until: starts[index + 1] ?? Number.POSITIVE_INFINITY })),
    places: [
      { type: "unknown" },
      ...pieces(IPV4, ipv4).map((range): Place => ({ type: "ipv4", range })),
      ...pieces(IPV6, ipv6).map((range): Place => ({ type: "ipv6", range })),
    ],
    names: [
      { type: "other" },
      ...patterns.map((name): Name => ({ type: name.startsWith("*.") ? "pattern" : "exact", name })),
    ],
  };
}

function isIPv4(block: Block): block is Extract<Block, { low: number }> {
  return typeof block.low === "number";
}

/** Every cell, by enforcement point, then address, then server name, then time. */
export function* cells(grid: Grid): Generator<Cell> {
  for (const via of grid.vias)
    for (const place of grid.places)
      for (const name of grid.names) for (const span of grid.spans) yield { via, place, name, span };
}

/** Whether the conditions of a rule hold in a cell, as `decide` judges them. */
export function holds(rule: AccessRule, { via, span, place, name }: Cell): boolean {
  return (
    rule.via === via &&
    rule.notBefore <= span.from &&
    span.from < rule.expires &&
    rule.addresses.every((blocks) => holdsPlace(rule, blocks, place)) &&
    (rule.sni?.some((pattern) => holdsName(pattern, name)) ?? true)
  );
}

/** An address that nobody knows is in no block that allows and in every block that denies. */
function holdsPlace(rule: AccessRule, blocks: readonly Block[], place: Place): boolean {
  if (place.type === "unknown") return rule.action === "deny";
  const address: Address = place.range.low;
  return blocks.some((block) => blockHolds(block, address));
}

function holdsName(pattern: string, name: Name): boolean {
  if (name.type === "other") return false;
  if (pattern === name.name) return true;
  // A class under a pattern is within every wider pattern: `*.a.example` is within `*.example`.
  const tail = name.type === "pattern" ? name.name.slice(1) : name.name;
  return pattern.startsWith("*.") && tail.length > pattern.length - 1 && tail.endsWith(pattern.slice(1));
}
