import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bigintLine,
  canonical,
  complement,
  contains,
  difference,
  equal,
  everything,
  intersection,
  isSubset,
  numberLine,
  pieces,
  type Ranges,
  union,
} from "./ranges.ts";

// The reference is a plain list of members: it works on a line of 24 numbers only, where it is obviously right.
const LINE = numberLine(1, 24);
const members = Array.from({ length: 24 }, (_, i) => i + 1);
const anySet = fc
  .array(fc.record({ low: fc.integer({ min: 1, max: 24 }), high: fc.integer({ min: 1, max: 24 }) }), {
    maxLength: 6,
  })
  .map((ranges) => canonical(LINE, ranges));
const list = (set: Ranges<number>) =>
  members.filter((value) => set.some((r) => r.low <= value && value <= r.high));
const isCanonical = (set: Ranges<number>) =>
  set.every((range, i) => {
    const before = set[i - 1];
    return range.low <= range.high && (before === undefined || before.high + 1 < range.low);
  });

describe("canonical", () => {
  test("merges what overlaps or touches and drops what is empty", () => {
    const set = canonical(LINE, [
      { low: 8, high: 9 },
      { low: 1, high: 3 },
      { low: 4, high: 5 },
      { low: 9, high: 12 },
      { low: 20, high: 19 },
    ]);
    expect(set).toEqual([
      { low: 1, high: 5 },
      { low: 8, high: 12 },
    ]);
  });

  test("a range up to the end of the line has no neighbour above it", () => {
    const top = 2n ** 128n - 1n;
    const line = bigintLine(0n, top);
    expect(
      canonical(line, [
        { low: top, high: top },
        { low: 0n, high: top },
      ]),
    ).toEqual(everything(line));
    expect(complement(line, [{ low: 1n, high: top }])).toEqual([{ low: 0n, high: 0n }]);
  });

  test("equal members give equal ranges", () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        expect(isCanonical(a)).toBe(true);
        expect(equal(a, b)).toBe(JSON.stringify(list(a)) === JSON.stringify(list(b)));
      }),
    );
  });
});

test("the operations agree with lists of members, and their results are canonical", () => {
  fc.assert(
    fc.property(anySet, anySet, (a, b) => {
      const cases: [Ranges<number>, (value: number) => boolean][] = [
        [union(LINE, a, b), (value) => list(a).includes(value) || list(b).includes(value)],
        [intersection(a, b), (value) => list(a).includes(value) && list(b).includes(value)],
        [difference(LINE, a, b), (value) => list(a).includes(value) && !list(b).includes(value)],
        [complement(LINE, a), (value) => !list(a).includes(value)],
      ];
      for (const [result, isMember] of cases) {
        expect(isCanonical(result)).toBe(true);
        expect(list(result)).toEqual(members.filter(isMember));
      }
      expect(isSubset(a, b)).toBe(list(a).every((value) => list(b).includes(value)));
      for (const value of members) expect(contains(a, value)).toBe(list(a).includes(value));
    }),
    { numRuns: 500 },
  );
});

test("pieces cover the line, are cut by no set, and no two neighbours could be joined", () => {
  fc.assert(
    fc.property(fc.array(anySet, { maxLength: 4 }), (sets) => {
      const found = pieces(LINE, sets);
      expect(
        found.flatMap(({ low, high }) => members.filter((value) => low <= value && value <= high)),
      ).toEqual(members);
      for (const { low, high } of found) {
        for (const set of sets) {
          const inside = list(set).filter((value) => low <= value && value <= high).length;
          expect([0, high - low + 1]).toContain(inside);
        }
      }
      found.slice(1).forEach(({ low }) => {
        // A cut is there because a range of some set ends or starts at it.
        expect(sets.some((set) => set.some((range) => range.low === low || range.high + 1 === low))).toBe(
          true,
        );
      });
    }),
  );
});
