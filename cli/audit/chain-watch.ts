import { GENESIS, type Seal } from "../../policy/audit/chain-line.ts";
import type { ChainSummary, Problem } from "./verification.ts";

/** Numbers that did not come when they should have. */
interface Missing {
  from: number;
  to: number;
  readonly file: string;
  readonly line: number;
}

/** More places than this where lines are missing are not kept apart. */
const MAX_MISSING = 10_000;

/** Follows one chain through its lines. */
export class ChainWatch {
  readonly chain: string;
  readonly #first: number;
  readonly #report: (problem: Problem) => void;
  #lines = 0;
  #last: number;
  #hash: string;
  /** The last line was not intact: what its end says is not known. */
  #doubtful = false;
  #missing: Missing[] = [];
  /** By the lines that say so. */
  #explained: { readonly seq: number; readonly from: number; readonly to: number }[] = [];
  #key: string | undefined;
  #every: number | undefined;
  #signedAt: number | undefined;
  #unsignedTold = false;
  lastFile = "";
  lastLine = 0;
  /** Its last line says that it is. */
  closed = false;
  /** A later chain found its end as it is here, or told that it is not. */
  followed = false;

  constructor(first: Seal, report: (problem: Problem) => void) {
    this.chain = first.chain;
    this.#first = first.seq;
    this.#last = first.seq - 1;
    this.#hash = first.seq === 0 ? GENESIS : first.prev;
    this.#report = report;
  }

  get last(): number {
    return this.#last;
  }

  get hash(): string {
    return this.#hash;
  }

  /** What the first line of the chain, or of a further file, says of how it is signed. The first that says it counts. */
  signing(key: string | undefined, every: number | undefined): void {
    this.#key ??= key;
    this.#every ??= every;
  }

  take(found: Seal, intact: boolean, file: string, line: number): void {
    this.#lines += 1;
    const problem = (kind: Problem["kind"], message: string, at = { file, line }): void =>
      this.#report({ kind, ...at, message });
    if (!intact) {
      problem(
        "changed",
        `line ${found.seq} of chain ${this.chain} was changed: its hash is not of what it says`,
      );
      // Its number may be what was changed: it stands where the next one belongs.
      this.#advance(this.#last + 1, found.hash, true, file, line);
      return;
    }
    const expected = this.#last + 1;
    if (found.seq < expected) {
      this.#late(found, file, line);
      return;
    }
    if (found.seq > expected) {
      if (this.#missing.length < MAX_MISSING)
        this.#missing.push({ from: expected, to: found.seq - 1, file, line });
    } else if (found.prev !== this.#hash && !this.#doubtful) {
      problem(
        "replaced",
        `line ${expected - 1} of chain ${this.chain} is not the one that this line was written after: it was replaced, and its hash made anew`,
        { file: this.lastFile || file, line: this.lastLine || line },
      );
    }
    if (this.closed)
      problem("inserted", `line ${found.seq} of chain ${this.chain} comes after its closing line`);
    this.#advance(found.seq, found.hash, false, file, line);
  }

  /** Lines that one sink could not take, as a line of the chain itself says. */
  explain(seq: number, from: number, to: number): void {
    this.#explained.push({ seq, from, to });
  }

  /** A checkpoint whose signature holds. */
  signed(seq: number): void {
    this.#signedAt = seq;
  }

  finish(keyGiven: boolean): void {
    for (const { from, to, file, line } of this.#missing) {
      // Whoever can write the file can write such a line at its end: with a key, only one that was signed over counts.
      const signedAt = keyGiven ? (this.#signedAt ?? Number.NEGATIVE_INFINITY) : Number.POSITIVE_INFINITY;
      const covers = (one: { readonly from: number; readonly to: number }): boolean =>
        one.from <= from && one.to >= to;
      if (this.#explained.some((one) => one.seq < signedAt && covers(one))) continue;
      const what = from === to ? `line ${from}` : `lines ${from} to ${to}`;
      const why = this.#explained.some(covers)
        ? "a line says that they were lost, but no signed checkpoint stands behind it: anybody who can write the file could have written it"
        : "removed, or in a file that is not given";
      this.#report({
        kind: "missing",
        file,
        line,
        message: `${what} of chain ${this.chain} should come before this one: ${why}`,
      });
    }
    if (!keyGiven) return;
    const open = this.#unprotected();
    if (this.#signedAt === undefined) {
      this.#unsigned(
        `chain ${this.chain} has no checkpoint that is signed with a key given: whoever could write the file could write it anew`,
      );
    } else if (this.#every !== undefined && open > this.#every) {
      this.#unsigned(
        `the last ${open} lines of chain ${this.chain} have no signed checkpoint, which comes every ${this.#every}: signing failed, or they were written by somebody else`,
      );
    }
  }

  summary(keyGiven: boolean): ChainSummary {
    return {
      chain: this.chain,
      first: this.#first,
      last: this.#last,
      hash: this.#hash,
      lines: this.#lines,
      closed: this.closed,
      unprotected: keyGiven ? this.#unprotected() : undefined,
    };
  }

  #unprotected(): number {
    return this.#last - (this.#signedAt ?? this.#first - 1);
  }

  #unsigned(message: string): void {
    if (this.#unsignedTold) return;
    this.#unsignedTold = true;
    this.#report({
      kind: "unsigned",
      file: this.lastFile,
      line: this.lastLine,
      message: this.#key === undefined ? `${message} (its first line names no key)` : message,
    });
  }

  /** A line with a number that has passed: one that was missed, or one twice. */
  #late(found: Seal, file: string, line: number): void {
    const at = this.#missing.findIndex(({ from, to }) => from <= found.seq && found.seq <= to);
    const gap = this.#missing[at];
    if (!gap) {
      this.#report({
        kind: "repeated",
        file,
        line,
        message: `line ${found.seq} of chain ${this.chain} was there already: it was copied here, or moved`,
      });
      return;
    }
    this.#report({
      kind: "reordered",
      file,
      line,
      message: `line ${found.seq} of chain ${this.chain} belongs before ${gap.file}:${gap.line}`,
    });
    const parts = [
      { ...gap, to: found.seq - 1 },
      { ...gap, from: found.seq + 1 },
    ].filter(({ from, to }) => from <= to);
    this.#missing.splice(at, 1, ...parts);
  }

  #advance(seq: number, hash: string, doubtful: boolean, file: string, line: number): void {
    this.#last = seq;
    this.#hash = hash;
    this.#doubtful = doubtful;
    this.lastFile = file;
    this.lastLine = line;
  }
}
