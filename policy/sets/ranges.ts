/**
 * Sets of whole numbers as ranges, exact and canonical: the ranges are sorted, do not overlap and do not touch.
 * So two sets are equal exactly when their ranges are equal one by one, and a set prints the same way every time.
 *
 * Ports and IPv4 addresses are `number`, IPv6 addresses are `bigint` (2^128 does not fit into a double);
 * a {@link Line} tells the operations which of the two they work on.
 */
export interface Range<T extends number | bigint> {
  /** The lowest member. */
  readonly low: T;
  /** The highest member; never below `low`. */
  readonly high: T;
}

/** A canonical set. Make one with {@link canonical} or an operation below, never by hand. */
export type Ranges<T extends number | bigint> = readonly Range<T>[];

/** The line of whole numbers that a set lives on: its ends, and the neighbours of a number. */
export interface Line<T extends number | bigint> {
  readonly first: T;
  readonly last: T;
  /** The next higher number. Only ever asked below `last`. */
  next(value: T): T;
  /** The next lower number. Only ever asked above `first`. */
  previous(value: T): T;
}

/** The line from `first` to `last`, both included; both below 2^53. */
export function numberLine(first: number, last: number): Line<number> {
  return { first, last, next: (value) => value + 1, previous: (value) => value - 1 };
}

/** The line from `first` to `last`, both included, of any length. */
export function bigintLine(first: bigint, last: bigint): Line<bigint> {
  return { first, last, next: (value) => value + 1n, previous: (value) => value - 1n };
}

/** Any ranges, in any order, overlapping or not, as one canonical set. A range with `low > high` is empty. */
export function canonical<T extends number | bigint>(line: Line<T>, ranges: readonly Range<T>[]): Ranges<T> {
  const sorted = ranges
    .filter((range) => range.low <= range.high)
    .sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  const merged: Range<T>[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || !reaches(line, before.high, range.low)) merged.push(range);
    else if (range.high > before.high) merged[merged.length - 1] = { low: before.low, high: range.high };
  }
  return merged;
}

/** Whether a range that ends at `high` overlaps or touches one that starts at `low`. */
function reaches<T extends number | bigint>(line: Line<T>, high: T, low: T): boolean {
  return high >= low || (high < line.last && line.next(high) === low);
}

/** Everything on the line. */
export function everything<T extends number | bigint>(line: Line<T>): Ranges<T> {
  return [{ low: line.first, high: line.last }];
}

/** What is in `a` or in `b`. */
export function union<T extends number | bigint>(line: Line<T>, a: Ranges<T>, b: Ranges<T>): Ranges<T> {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return canonical(line, [...a, ...b]);
}

/** What is in `a` and in `b`. */
export function intersection<T extends number | bigint>(a: Ranges<T>, b: Ranges<T>): Ranges<T> {
  const common: Range<T>[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left === undefined || right === undefined) return common;
    // Not Math.max: it takes no bigint.
    const low = left.low > right.low ? left.low : right.low;
    // Not Math.min: it takes no bigint.
    const high = left.high < right.high ? left.high : right.high;
    if (low <= high) common.push({ low, high });
    if (left.high < right.high) i++;
    else j++;
  }
}

/** What is on the line and not in `set`. */
export function complement<T extends number | bigint>(line: Line<T>, set: Ranges<T>): Ranges<T> {
  const gaps: Range<T>[] = [];
  let from = line.first;
  for (const range of set) {
    if (from < range.low) gaps.push({ low: from, high: line.previous(range.low) });
    if (range.high >= line.last) return gaps;
    from = line.next(range.high);
  }
  gaps.push({ low: from, high: line.last });
  return gaps;
}

/** What is in `a` and not in `b`. */
export function difference<T extends number | bigint>(line: Line<T>, a: Ranges<T>, b: Ranges<T>): Ranges<T> {
  return intersection(a, complement(line, b));
}

/** Whether `value` is in the set. */
export function contains<T extends number | bigint>(set: Ranges<T>, value: T): boolean {
  return set.some((range) => range.low <= value && value <= range.high);
}

/** Whether the two sets have the same members. */
export function equal<T extends number | bigint>(a: Ranges<T>, b: Ranges<T>): boolean {
  return a.length === b.length && a.every((range, i) => range.low === b[i]?.low && range.high === b[i]?.high);
}

/** Whether every member of `a` is in `b`. */
export function isSubset<T extends number | bigint>(a: Ranges<T>, b: Ranges<T>): boolean {
  return equal(intersection(a, b), a);
}

/**
 * The line cut into the longest ranges of which every given set holds either all or nothing: the pieces that the
 * sets divide it into. They come in order and cover the line; with no set there is one piece, the whole line.
 */
export function pieces<T extends number | bigint>(
  line: Line<T>,
  sets: Iterable<Ranges<T>>,
): readonly Range<T>[] {
  const starts = new Set<T>([line.first]);
  for (const set of sets) {
    for (const range of set) {
      starts.add(range.low);
      if (range.high < line.last) starts.add(line.next(range.high));
    }
  }
  const sorted = [...starts].sort((a, b) => (a < b ? -1 : 1));
  return sorted.map((low, i) => {
    const following = sorted[i + 1];
    return { low, high: following === undefined ? line.last : line.previous(following) };
  });
}
