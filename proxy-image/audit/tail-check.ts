import { hashOf, readSeal, type Seal } from "../../policy/audit/chain-line.ts";

/**
 * Whether the lines of chains hold together, as far as they can be seen here; what is wrong with the first that does not,
 * undefined when they do. Lines of no chain are passed over: an unfinished one is what a process that was killed left behind.
 *
 * @param bytes lines, the last with its line feed
 * @param isCut whether they begin in the middle of a line, of which the hash says nothing
 */
export function firstBreak(bytes: Buffer, isCut: boolean): string | undefined {
  const last = new Map<string, Seal>();
  const jumps: { readonly chain: string; readonly from: number; readonly to: number }[] = [];
  const told: { readonly chain: string; readonly from: number; readonly to: number }[] = [];
  let begin = isCut ? bytes.indexOf(FEED) + 1 : 0;
  for (let end = bytes.indexOf(FEED, begin); end >= 0; end = bytes.indexOf(FEED, begin)) {
    const line = bytes.subarray(begin, end);
    begin = end + 1;
    const seal = readSeal(line);
    if (!seal) continue;
    const where = `chain ${seal.chain}, line ${seal.seq}`;
    if (hashOf(line) !== seal.hash) return `${where} is not as it was written`;
    const before = last.get(seal.chain);
    last.set(seal.chain, seal);
    if (before === undefined) continue;
    if (seal.seq <= before.seq) return `${where} stands after line ${before.seq}`;
    if (seal.seq === before.seq + 1) {
      if (seal.prev !== before.hash) return `${where} does not follow the line before it`;
    } else jumps.push({ chain: seal.chain, from: before.seq + 1, to: seal.seq - 1 });
    const gap = gapIn(line);
    if (gap) told.push({ chain: seal.chain, ...gap });
  }
  // What a sink did not take while another did is missing here, and told by a later line.
  const untold = jumps.find(
    ({ chain, from, to }) =>
      !covers(
        told.filter((gap) => gap.chain === chain),
        from,
        to,
      ),
  );
  return untold && `chain ${untold.chain} lacks the lines ${untold.from} to ${untold.to}`;
}

const FEED = 10;

function covers(gaps: readonly { from: number; to: number }[], from: number, to: number): boolean {
  let next = from;
  for (const gap of gaps.toSorted((a, b) => a.from - b.from)) {
    if (gap.from <= next) next = Math.max(next, gap.to + 1);
  }
  return next > to;
}

/** What a line of its chain says is lost. */
function gapIn(line: Buffer): { from: number; to: number } | undefined {
  if (!line.includes('"event":"gap"')) return undefined;
  const { event, from, to }: { event?: unknown; from?: unknown; to?: unknown } = JSON.parse(
    line.toString("utf8"),
  );
  return event === "gap" && typeof from === "number" && typeof to === "number" ? { from, to } : undefined;
}
