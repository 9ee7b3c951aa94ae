import { compareText } from "../finding.ts";
import { formatAddressRange, IPV4, parseAddress } from "../sets/addresses.ts";
import { formatPorts } from "../sets/ports.ts";
import { canonical, type Range } from "../sets/ranges.ts";
import type { Access } from "./reach.ts";

const OUTSIDE = "external:";

/**
 * Joins rows that differ only in neighbouring ranges of the outside world: a range is then as long as the same is true
 * of it. Sorted by source, then destination; workloads by name, before the outside world by address.
 */
export function mergeOutside(rows: readonly Access[]): Access[] {
  const inside = rows.filter(({ src, dst }) => !src.startsWith(OUTSIDE) && !dst.startsWith(OUTSIDE));
  const outside = rows.filter(({ src, dst }) => src.startsWith(OUTSIDE) || dst.startsWith(OUTSIDE));
  const groups = Map.groupBy(outside, (row) => {
    const ends = [row.src, row.dst].map((name) => (name.startsWith(OUTSIDE) ? OUTSIDE : name));
    return JSON.stringify([...ends, formatPorts(row.ports), row.restrictedBy, row.dependsOnAddress]);
  });
  const merged = [...groups.values()].flatMap((group) => {
    const [row] = group;
    const end = row?.src.startsWith(OUTSIDE) ? "src" : row?.dst.startsWith(OUTSIDE) ? "dst" : undefined;
    if (row === undefined || end === undefined) return group;
    const ranges = canonical(
      IPV4,
      group.map((each) => rangeOf(each[end])),
    );
    return ranges.map((range) => ({ ...row, [end]: `${OUTSIDE}${formatAddressRange(range)}` }));
  });
  return [...inside, ...merged].sort((a, b) => compareNames(a.src, b.src) || compareNames(a.dst, b.dst));
}

function compareNames(a: string, b: string): number {
  const outside = Number(a.startsWith(OUTSIDE)) - Number(b.startsWith(OUTSIDE));
  if (outside !== 0) return outside;
  return a.startsWith(OUTSIDE) ? rangeOf(a).low - rangeOf(b).low : compareText(a, b);
}

function rangeOf(name: string): Range<number> {
  const [low = 0, high = 0] = name
    .slice(OUTSIDE.length)
    .split("-")
    .map((address) => parseAddress(address)?.ipv4[0]?.low);
  return { low, high };
}
