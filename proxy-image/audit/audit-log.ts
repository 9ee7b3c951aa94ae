import type { Before, Chain } from "./chain.ts";
import type { Sink } from "./sink.ts";

/** Lines on their way to the sinks: as they are, whatever fails, they are tried again. */
interface Batch {
  readonly text: string;
  readonly lines: number;
  /** Records among them; the others are the chain's own. */
  readonly records: number;
  /** Numbers in the chain, first and last. */
  readonly from: number;
  readonly to: number;
}

/** Lines are gathered for so long, or until there are so many: each write, in a thread of its own, costs as much as 30 lines. */
const GATHER_MS = 10;
const GATHER_LINES = 256;

/** Goes out at once, at most: what has gathered while a sink was slow is not one endless write. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Bytes that a chain adds to a line, about. */
const SEAL_BYTES = 150;

/**
 * Takes records and hands them to sinks in batches, without ever making a connection wait. A sink that is slow or fails
 * is retried; what does not fit into the queue meanwhile is lost and counted, and `healthy` is false, so that a service
 * with `audit: required` takes no new connection.
 *
 * With a chain, records are numbered and hashed when they go out, in the order in which they came; a loss is said in it.
 */
export class AuditLog {
  /** Records that could not be written, since the start. */
  lost = 0;
  written = 0;
  readonly chain: Chain | undefined;
  readonly #sinks: readonly Sink[];
  readonly #bound: number;
  readonly #retry: number;
  #queue: string[] = [];
  #batch: Batch | undefined;
  /** Losses that the chain does not yet tell. */
  #gaps: Readonly<Record<string, unknown>>[] = [];
  /** What each sink that fails now lacks, by its place: a gap that was told in a batch it did not take is not told to it. */
  readonly #behind = new Map<number, { readonly from: number; readonly lost: number }>();
  #dropped = 0;
  #startDue = false;
  #checkpointDue = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #busy = false;
  #failing = false;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #idle: (() => void)[] = [];
  /** Told once when writing begins to fail, and once when it works again. */
  onChange: (healthy: boolean, error: string | undefined) => void = () => {};

  /**
   * @param bound records held while a sink is slow
   * @param retry milliseconds between attempts while a sink fails
   * @param chain @default none: lines are written as they come
   */
  constructor(sinks: readonly Sink[], bound: number, retry = 500, chain?: Chain) {
    this.#sinks = sinks;
    this.#bound = bound;
    this.#retry = retry;
    this.chain = chain;
  }

  /** True while records are being written, or there is room to hold them. */
  get healthy(): boolean {
    return !this.#failing && this.#queue.length < this.#bound;
  }

  /**
   * Begins the chain at once, so that a start is seen even if nobody ever connects.
   *
   * @param interval milliseconds between signed checkpoints while there are records
   */
  open(interval: number): void {
    if (!this.chain) return;
    this.#startDue = !this.chain.begun;
    this.#schedule();
    if (!this.chain.signs) return;
    this.#timer = setInterval(() => {
      if (this.chain?.open === 0) return;
      this.#checkpointDue = true;
      this.#schedule();
    }, interval);
    this.#timer.unref();
  }

  write(line: string): void {
    const held = this.#failing ? (this.#batch?.records ?? 0) : 0;
    if (this.#queue.length + held >= this.#bound) {
      this.lost += 1;
      this.#dropped += 1;
      return;
    }
    this.#queue.push(line);
    if (this.#queue.length === GATHER_LINES) void this.#flush();
    else this.#schedule();
  }

  /** Resolves when everything that was written before is with the sinks, or cannot be. */
  async drained(): Promise<void> {
    if (!this.#pending && !this.#busy) return;
    await new Promise<void>((done) => {
      this.#idle.push(done);
      void this.#flush();
    });
  }

  /** Ends the chain, so that nobody can cut lines off its end unseen, and closes the sinks. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.drained();
    if (this.chain?.begun && !this.#busy && !this.#pending) {
      const at = this.chain.next;
      const text = await this.chain.checkpoint(true);
      await Promise.allSettled(
        this.#sinks.map((sink) => sink.write(text, this.chain ? this.chain.next - at : 1)),
      );
    }
    await Promise.allSettled(this.#sinks.map((sink) => sink.close()));
  }

  get #pending(): boolean {
    return this.#queue.length > 0 || this.#batch !== undefined || this.#startDue || this.#checkpointDue;
  }

  #schedule(): void {
    if (this.#busy || this.#gathering !== undefined) return;
    this.#gathering = setTimeout(() => void this.#flush(), GATHER_MS);
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#busy || !this.#pending) return;
    this.#busy = true;
    do {
      const error = await this.#deliver();
      if (error === undefined) continue;
      this.#report(false, error);
      this.#settle();
      await new Promise((done) => setTimeout(done, this.#retry).unref());
    } while (this.#pending && this.#isUrgent);
    this.#busy = false;
    if (this.#pending) this.#schedule();
    else this.#settle();
  }

  /** Somebody waits for the lines, or there are enough of them. */
  get #isUrgent(): boolean {
    return this.#idle.length > 0 || this.#failing || this.#queue.length >= GATHER_LINES;
  }

  /** Tries to bring one batch out; says what failed. */
  async #deliver(): Promise<string | undefined> {
    try {
      this.#batch ??= await this.#nextBatch();
    } catch (error) {
      return messageOf(error);
    }
    const batch = this.#batch;
    const results = await Promise.allSettled(this.#sinks.map((sink) => sink.write(batch.text, batch.lines)));
    const failed = results.flatMap((result, index) =>
      result.status === "rejected" ? [{ reason: result.reason, index }] : [],
    );
    for (const [index, { status }] of results.entries())
      if (status === "fulfilled") this.#behind.delete(index);
    if (failed.length === 0) {
      this.written += batch.records;
      this.#batch = undefined;
      this.#report(true, undefined);
      return undefined;
    }
    // A sink that took the batch has it; only where the one sink failed is it tried again as a whole.
    if (this.#sinks.length > 1) {
      this.lost += batch.records;
      for (const { index } of failed) {
        const { from = batch.from, lost = 0 } = this.#behind.get(index) ?? {};
        const behind = { from, lost: lost + batch.records };
        this.#behind.set(index, behind);
        this.#gaps.push({ lost: behind.lost, sink: this.#sinks[index]?.name, from, to: batch.to });
      }
      this.#batch = undefined;
    }
    return messageOf(failed[0]?.reason);
  }

  async #nextBatch(): Promise<Batch> {
    const { chain } = this;
    const { count, bytes } = this.#ready();
    if (!chain) {
      const queue = this.#queue.splice(0, count);
      return { text: queue.join(""), lines: queue.length, records: queue.length, from: 0, to: 0 };
    }
    const before = chain.begun ? undefined : await this.#before();
    const prepared = await Promise.all(this.#sinks.map((sink) => sink.prepare?.(bytes) ?? false));
    const from = chain.next;
    // From here on nothing throws: what is numbered is written.
    let text = "";
    if (prepared.includes(true) && chain.begun) text += chain.rotate();
    if (before) text += await chain.start(before);
    text += this.#tellGaps(chain);
    const queue = this.#queue.splice(0, count);
    for (const line of queue) {
      text += chain.seal(line);
      if (chain.isDue) text += await chain.checkpoint(false);
    }
    if (this.#checkpointDue && chain.signs && chain.open > 0) text += await chain.checkpoint(false);
    this.#checkpointDue = false;
    this.#startDue = false;
    return { text, lines: chain.next - from, records: queue.length, from, to: chain.next - 1 };
  }

  /** What the first sink that knows holds from before. */
  async #before(): Promise<Before> {
    for (const sink of this.#sinks) if (sink.before) return sink.before();
    return {};
  }

  #tellGaps(chain: Chain): string {
    const gaps = this.#dropped > 0 ? [...this.#gaps, { lost: this.#dropped }] : this.#gaps;
    this.#gaps = [];
    this.#dropped = 0;
    return gaps.map((gap) => chain.event("gap", gap)).join("");
  }

  /** How many lines go out together, and their bytes, about: all, or as many as every sink takes at once. */
  #ready(): { count: number; bytes: number } {
    const most = this.#sinks.reduce((least, sink) => Math.min(least, sink.most ?? least), MOST_BYTES);
    let bytes = 4 * SEAL_BYTES;
    let count = 0;
    for (const line of this.#queue) {
      const more = line.length + SEAL_BYTES;
      if (count > 0 && bytes + more > most) break;
      bytes += more;
      count += 1;
    }
    return { count, bytes };
  }

  #report(healthy: boolean, error: string | undefined): void {
    if (healthy !== this.#failing) return;
    this.#failing = !healthy;
    this.onChange(healthy, error);
  }

  #settle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const done of waiting) done();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
