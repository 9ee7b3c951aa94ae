import { toCidrs } from "../../sets/addresses.ts";
import { addressesOf, describe, type OpenCell } from "./conditions.ts";
import { type Cell, cells, type Grid, gridOf } from "./grid.ts";
import { ANYONE, type Party, PLAINTEXT, type PortRules } from "./party.ts";
import type { AccessRule } from "./rule.ts";
import { type CellVerdict, judge, type Voices } from "./verdict.ts";

/** How the access of one party to one port differs. */
export interface Difference {
  readonly party: Party;
  /** The party's name; for `anyone`, the block of addresses. */
  readonly from: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly via: readonly string[];
  readonly widens: boolean;
  /** The rules that make the difference, of each side. */
  readonly rulesBefore: readonly AccessRule[];
  readonly rulesAfter: readonly AccessRule[];
  /** Whether a deny stood against what is open now. */
  readonly denyRemoved: boolean;
}

interface Judged {
  readonly cell: Cell;
  readonly before: CellVerdict;
  readonly after: CellVerdict;
}

/**
 * Compares what two sides say of one party at one port: every cell of the conditions, so that nothing is missed and nothing
 * is claimed that is not so. A workload's difference that is only that of its namespace, or of whoever has its address, is
 * left to the row of those, unless `each` asks for everybody.
 *
 * @param now - epoch milliseconds; what was open only before it is no access.
 */
export function compareParty(
  party: Party,
  before: PortRules,
  after: PortRules,
  now: number,
  each: boolean,
): Difference[] {
  const [old, current] = [before.voices(party), after.voices(party)];
  // Whether plaintext is let in is not said by a rule.
  if (party !== PLAINTEXT && signature(old) === signature(current)) return [];
  const grid = gridOf(
    [old, current].flatMap(({ named, byAddress }) => [...named, ...byAddress]),
    now,
  );
  const judged = [...cells(grid)].map(
    (cell): Judged => ({ cell, before: judge(old, cell), after: judge(current, cell) }),
  );
  const implied = impliedBy(party, before, after, each);
  const changed = judged.filter(
    (item) =>
      differs(item) && !implied.some(([a, b]) => isSame(item, judge(a, item.cell), judge(b, item.cell))),
  );
  if (changed.length === 0) return [];
  if (party.kind !== "cidr" && party.kind !== "plaintext")
    return [difference(party, party.name, grid, judged, changed)];
  return byAddress(party, grid, judged, changed);
}

function signature({ named, byAddress, terms }: Voices): string {
  const rules = [...named, ...byAddress].map((rule) => rule.signature);
  // In order: the first allow that holds is the one whose limits count.
  return `${terms}\n${rules.join("\n")}`;
}

/** Who else's difference already says that of a workload. */
function impliedBy(party: Party, before: PortRules, after: PortRules, each: boolean): [Voices, Voices][] {
  if (party.kind !== "workload" && party.kind !== "namespace") return [];
  const anyone: [Voices, Voices] = [before.voices(ANYONE), after.voices(ANYONE)];
  if (party.kind === "namespace" || each) return [anyone];
  return [anyone, [before.voices(party, "namespace"), after.voices(party, "namespace")]];
}

function differs({ before, after }: Judged): boolean {
  return before.open !== after.open || before.terms !== after.terms;
}

function isSame(item: Judged, before: CellVerdict, after: CellVerdict): boolean {
  const same = (a: CellVerdict, b: CellVerdict): boolean => a.open === b.open && a.terms === b.terms;
  return same(item.before, before) && same(item.after, after);
}

/** For whoever has an address, the address is not a condition but who it is: addresses with the same difference are a row. */
function byAddress(
  party: Party,
  grid: Grid,
  judged: readonly Judged[],
  changed: readonly Judged[],
): Difference[] {
  const anywhere: Grid = { ...grid, places: grid.places.slice(0, 1) };
  const [everywhere] = anywhere.places;
  const byPlace = Map.groupBy(judged, ({ cell }) => cell.place);
  const changedPlaces = new Set(changed.map(({ cell }) => cell.place));
  const moved = new Map(
    [...changedPlaces].map((place) => {
      const items = (byPlace.get(place) ?? []).map(
        (item): Judged => ({
          ...item,
          cell: { ...item.cell, place: everywhere ?? item.cell.place },
        }),
      );
      return [place, difference(party, "", anywhere, items, items.filter(differs))] as const;
    }),
  );
  const alike = Map.groupBy(moved, ([, { before, after }]) => JSON.stringify([before, after]));
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const all = group.map(([, each]) => each);
    const row: Difference = {
      ...first[1],
      rulesBefore: distinct(all.flatMap(({ rulesBefore }) => rulesBefore)),
      rulesAfter: distinct(all.flatMap(({ rulesAfter }) => rulesAfter)),
      denyRemoved: all.some(({ denyRemoved }) => denyRemoved),
    };
    const blocks = toCidrs(addressesOf(group.map(([place]) => place)));
    return blocks.map((block) => ({
      ...row,
      from: party === PLAINTEXT ? `${block} without a certificate` : block,
    }));
  });
}

function difference(
  party: Party,
  from: string,
  grid: Grid,
  judged: readonly Judged[],
  changed: readonly Judged[],
): Difference {
  const opened = (side: "before" | "after"): OpenCell[] =>
    judged.flatMap((item) => {
      const { open, allow, terms } = item[side];
      return open && allow !== undefined ? [{ cell: item.cell, point: allow.row.point, terms }] : [];
    });
  const [before, after] = [opened("before"), opened("after")];
  const points = (after.length > 0 ? after : before).map(({ point }) => point);
  const rules = rulesBehind(changed);
  return {
    party,
    from,
    before: describe(grid, before),
    after: describe(grid, after),
    via: [...new Set(points)],
    widens: changed.some(isWider),
    ...rules,
    denyRemoved: changed.some(
      ({ before, after }) =>
        after.open && !before.open && before.allow !== undefined && before.denies.length > 0,
    ),
  };
}

function isWider({ before, after }: Judged): boolean {
  if (before.open !== after.open) return after.open;
  // A limit that is new only narrows; any other difference may let more through.
  return before.terms !== "" && before.terms !== after.terms;
}

/** The rules to which the difference goes back: what opened or shut the cells, preferring what only one side has. */
function rulesBehind(changed: readonly Judged[]): Pick<Difference, "rulesBefore" | "rulesAfter"> {
  const before = new Set<AccessRule>();
  const after = new Set<AccessRule>();
  for (const { before: old, after: now } of changed) {
    const newcomers = (mine: readonly AccessRule[], others: readonly AccessRule[]): readonly AccessRule[] => {
      const known = new Set(others.map(({ signature }) => signature));
      return mine.filter(({ signature }) => !known.has(signature));
    };
    for (const rule of newcomers(old.denies, now.denies)) if (now.open) before.add(rule);
    for (const rule of newcomers(now.denies, old.denies)) if (old.open) after.add(rule);
    if (now.open) for (const rule of newcomers(now.allows, old.allows)) after.add(rule);
    if (old.open) for (const rule of newcomers(old.allows, now.allows)) before.add(rule);
    if (before.size + after.size === 0) {
      // The rules are the same: the party itself has changed (whom an agent acts for), or plaintext is let in.
      if (now.allow) after.add(now.allow);
      if (old.allow) before.add(old.allow);
    }
  }
  return { rulesBefore: [...before], rulesAfter: [...after] };
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
