import { type ChainEnd, GENESIS, hashOf, readSeal, type Seal } from "../../policy/audit/chain-line.ts";
import { ChainWatch } from "./chain-watch.ts";
import { type OwnLine, parseChainLine } from "./own-lines.ts";
import { Signatures } from "./signatures.ts";
import type { Expected, Note, Problem, Verification, VerifyOptions } from "./verification.ts";

/** Problems kept; one defect can make every line after it wrong. */
const MAX_PROBLEMS = 1_000;
const OWN_LINE = /^\{"time":"[^"]{1,40}","event":"(start|rotate|gap|checkpoint)"/;

/** Checks lines as they come, from wherever: of each file in the order in which they were written. */
export class Verifier {
  readonly #options: VerifyOptions;
  readonly #signatures: Signatures;
  readonly #chains = new Map<string, ChainWatch>();
  readonly #problems: Problem[] = [];
  readonly #notes: Note[] = [];
  /** Those not yet seen. */
  readonly #expected: Set<Expected>;
  #more = 0;
  #lines = 0;
  #bytes = 0;
  #file = "";
  /** The last line before was unfinished; explained if a start line follows that says so, or if nothing has ended it yet. */
  #torn:
    | { readonly file: string; readonly line: number; readonly bytes: number; readonly ended: boolean }
    | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#signatures = new Signatures(options.keys ?? []);
    this.#expected = new Set(options.expect ?? []);
  }

  beginFile(file: string): void {
    this.#file = file;
  }

  line(bytes: Buffer, number: number): void {
    this.#lines += 1;
    this.#bytes += bytes.length + 1;
    const line = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
    const found = readSeal(line);
    if (!found) {
      this.#unsealed(line, number);
      return;
    }
    const own = OWN_LINE.exec(line.toString("latin1", 0, 90))?.[1];
    const intact = hashOf(line) === found.hash && line.length === bytes.length;
    if (own === "start" && intact) this.#start(line, found, number);
    else this.#tellTorn();
    const watch = this.#watchOf(found, number, own === "rotate" && intact);
    watch.take(found, intact, this.#file, number);
    if (intact) this.#checkExpected(found);
    if (intact && own !== undefined && own !== "start") this.#own(line, found, watch, number);
  }

  /** What stands after the last line feed of a file. */
  rest(bytes: Buffer, number: number): void {
    this.#tellTorn();
    this.#bytes += bytes.length;
    this.#torn = { ...this.#at(number), bytes: bytes.length, ended: false };
  }

  end(): Verification {
    // The line feed of an unfinished line is written together with the start line behind it: alone, it is somebody else's.
    if (this.#torn && !this.#torn.ended) {
      const { file, line } = this.#torn;
      this.#torn = undefined;
      this.#note(
        file,
        line,
        "the last line is not finished: it is being written, or its writer was killed, or it was cut",
      );
    }
    this.#tellTorn();
    for (const watch of this.#chains.values()) this.#endOf(watch);
    for (const { chain, seq, hash } of this.#expected) {
      const name = chain === undefined ? String(seq) : `${chain}:${seq}`;
      this.#problem({
        kind: "expected",
        file: this.#file,
        line: 0,
        message: `line ${name} with hash ${hash}, which must be there, is not: it was cut off, or changed after it was noted down`,
      });
    }
    if (this.#chains.size === 0 && this.#lines > 0) {
      this.#problems.length = 0;
      this.#more = 0;
      const message =
        "no line is of a chain: the proxy that wrote it had `audit.chain: false`, or this is no record";
      this.#problem({ kind: "inserted", file: this.#file, line: 1, message });
    }
    return {
      problems: this.#problems,
      more: this.#more,
      notes: this.#notes,
      chains: [...this.#chains.values()].map((watch) => watch.summary(this.#signatures.checked)),
      lines: this.#lines,
      bytes: this.#bytes,
    };
  }

  #checkExpected({ chain, seq, hash }: Seal): void {
    for (const one of this.#expected) {
      if (one.seq === seq && one.hash === hash && (one.chain ?? chain) === chain) this.#expected.delete(one);
    }
  }

  #unsealed(line: Buffer, number: number): void {
    this.#tellTorn();
    // A process that was killed leaves a line without its end; the next one ends it and says how long it was.
    if (line.length > 0) this.#torn = { ...this.#at(number), bytes: line.length, ended: true };
    else this.#problem({ kind: "inserted", ...this.#at(number), message: "an empty line" });
  }

  #start(line: Buffer, found: Seal, number: number): void {
    const said = parseChainLine(line);
    const torn = this.#torn;
    if (torn && said.torn === torn.bytes) {
      this.#torn = undefined;
      this.#note(
        torn.file,
        torn.line,
        `an unfinished line of ${torn.bytes} bytes: its writer was killed; chain ${found.chain}, which follows, says so`,
      );
    } else this.#tellTorn();
    if (found.seq !== 0 || found.prev !== GENESIS) {
      this.#problem({
        kind: "inserted",
        ...this.#at(number),
        message: "a start line that is not the first of its chain",
      });
    }
    this.#chains.set(found.chain, this.#chains.get(found.chain) ?? this.#open(found, number, true));
    this.#chains.get(found.chain)?.signing(said.key, said.every);
    if (said.after) this.#follows(said.after, said.here === true, found.chain, number);
  }

  /** The end of the chain before, as the writer of this one found it. */
  #follows(after: ChainEnd, here: boolean, chain: string, number: number): void {
    const before = this.#chains.get(after.chain);
    if (!before) {
      if (here && !(this.#options.partial ?? false)) {
        this.#problem({
          kind: "missing-chain",
          ...this.#at(number),
          message: `chain ${chain} was begun in a file that ended with line ${after.seq} of chain ${after.chain}, of which nothing is here: it was removed`,
        });
      } else
        this.#note(this.#file, number, `chain ${chain} follows chain ${after.chain}, whose file is not here`);
      return;
    }
    if (before.last === after.seq && before.hash === after.hash) {
      before.followed = true;
      if (!before.closed) {
        this.#note(
          this.#file,
          number,
          `chain ${after.chain} ends at line ${after.seq} without its closing line: its writer was killed, and what it had not yet written is not known; chain ${chain} found it so`,
        );
      }
      return;
    }
    before.followed = true;
    this.#problem({
      kind: "cut-end",
      ...this.#at(number),
      message: `chain ${chain} was begun after line ${after.seq} of chain ${after.chain}, which ends here with line ${before.last}: ${after.seq > before.last ? `lines ${before.last + 1} to ${after.seq} were cut off` : "lines were added or changed"}`,
    });
  }

  #own(line: Buffer, found: Seal, watch: ChainWatch, number: number): void {
    const said = parseChainLine(line);
    switch (said.event) {
      case "gap":
        this.#note(
          this.#file,
          number,
          `${said.lost ?? "some"} records were lost${said.sink === undefined ? "" : ` by the sink "${said.sink}"`}: they could not be written, and the proxy says so`,
        );
        if (said.from !== undefined && said.to !== undefined) watch.explain(found.seq, said.from, said.to);
        return;
      case "rotate":
        watch.signing(said.key, said.every);
        return;
      case "checkpoint": {
        const holds = this.#checkpoint(said, found, watch, number);
        // With a key, an end that nobody signed is none: it could stand in the place of lines that were cut off.
        if (said.final === true && (holds || !this.#signatures.checked)) watch.closed = true;
        return;
      }
      default:
        return;
    }
  }

  /** @returns whether its signature holds */
  #checkpoint(said: OwnLine, found: Seal, watch: ChainWatch, number: number): boolean {
    const wrong = this.#signatures.check(said, found);
    if (wrong === "holds") watch.signed(found.seq);
    else if (wrong !== "not-checked") {
      const message = `the checkpoint at line ${found.seq} of chain ${found.chain} does not hold: ${wrong.why}`;
      this.#problem({ kind: "signature", ...this.#at(number), message });
    }
    return wrong === "holds";
  }

  #watchOf(found: Seal, number: number, rotated: boolean): ChainWatch {
    const known = this.#chains.get(found.chain);
    if (known) return known;
    const watch = this.#open(found, number, rotated || found.seq === 0);
    this.#chains.set(found.chain, watch);
    return watch;
  }

  #open(found: Seal, number: number, explained: boolean): ChainWatch {
    if (found.seq > 0) {
      const message = `the lines of chain ${found.chain} before ${found.seq} are not in these files`;
      if (explained)
        this.#note(this.#file, number, `${message}: an older file that was rotated away, or is not given`);
      else if (this.#options.partial === true) this.#note(this.#file, number, message);
      else {
        this.#problem({
          kind: "cut-start",
          ...this.#at(number),
          message: `${message}, and this line is none that begins a file: lines were cut off (or a collector began here: --partial)`,
        });
      }
    }
    return new ChainWatch(found, (problem) => this.#problem(problem));
  }

  #endOf(watch: ChainWatch): void {
    watch.finish(this.#signatures.checked);
    if (!watch.closed && !watch.followed) {
      this.#note(
        watch.lastFile,
        watch.lastLine,
        `chain ${watch.chain} is open at line ${watch.last}: its writer still runs, was killed, or later lines were cut off. These files cannot tell; a checkpoint kept elsewhere can: --expect ${watch.chain}:SEQ:HASH`,
      );
    }
  }

  #tellTorn(): void {
    const torn = this.#torn;
    if (!torn) return;
    this.#torn = undefined;
    this.#problem({
      kind: "inserted",
      file: torn.file,
      line: torn.line,
      message: "is no line of any chain: it was put in, or its end was changed",
    });
  }

  #at(line: number): { readonly file: string; readonly line: number } {
    return { file: this.#file, line };
  }

  #note(file: string, line: number, message: string): void {
    if (this.#notes.length < MAX_PROBLEMS) this.#notes.push({ file, line, message });
  }

  #problem(problem: Problem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
    else this.#more += 1;
  }
}
