import { isBunSocket } from "./runtime/bun.ts";
import type { Stream } from "./runtime/stream.ts";

/**
 * One direction of a connection: what its source sends, its sink gets, whole and in order.
 *
 * Memory is bounded: a source whose bytes the sink does not take is paused, so at most `bound` and what one read
 * delivers are held. A source may begin before there is a sink (the client speaks while the backend is dialled).
 */
export class Direction {
  /** Bytes that the sink took. */
  bytes = 0;
  /** The source said that it will send no more. */
  ended = false;
  /** All that was sent is delivered, and the sink was told that nothing follows. */
  finished = false;
  heldBytes = 0;
  /** Made when it is needed: most connections never hold anything, and very many are idle. */
  #held: Uint8Array[] | undefined;
  #paused = false;
  #source: Stream | undefined;
  #sink: Stream | undefined;
  /** The sink may be given bytes that are overwritten afterwards. */
  #lends = false;
  readonly #bound: number;

  /** @param bound bytes held before the source is paused */
  constructor(bound: number) {
    this.#bound = bound;
  }

  set source(stream: Stream) {
    this.#source = stream;
    if (this.#paused) stream.pause();
  }

  /** Begins delivery; what was held goes first. */
  set sink(stream: Stream) {
    this.#sink = stream;
    this.#lends = stream.copiesAtOnce === true || isBunSocket(stream);
    this.flush();
  }

  /**
   * The source sent this, and will overwrite it. Returns how many bytes the sink took at once: none while something is held,
   * or where the sink might keep them.
   */
  pass(borrowed: Uint8Array): number {
    if (this.#sink === undefined || this.#held !== undefined || !this.#lends) return 0;
    const taken = this.#sink.write(borrowed);
    if (taken <= 0) return 0;
    this.bytes += taken;
    return taken;
  }

  /** The source sent this. */
  push(data: Uint8Array): void {
    const sink = this.#sink;
    if (sink === undefined || this.#held !== undefined) {
      this.#hold(data, sink === undefined ? this.#bound : 0);
      return;
    }
    const taken = sink.write(data);
    if (taken === data.length) {
      this.bytes += taken;
      return;
    }
    if (taken > 0) this.bytes += taken;
    // A closed sink takes -1; its close event ends the connection, and until then nothing may be lost silently.
    this.#hold(taken > 0 ? data.subarray(taken) : data, 0);
  }

  /** The source will send no more. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.flush();
  }

  /** The sink has room again. */
  flush(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const held = this.#held;
    while (held !== undefined) {
      const [data] = held;
      if (data === undefined) break;
      const taken = sink.write(data);
      if (taken > 0) {
        this.bytes += taken;
        this.heldBytes -= taken;
      }
      if (taken < data.length) {
        if (taken > 0) held[0] = data.subarray(taken);
        return;
      }
      held.shift();
    }
    this.#held = undefined;
    if (this.#paused) {
      this.#paused = false;
      this.#source?.resume();
    }
    if (this.ended && !this.finished) {
      this.finished = true;
      sink.shutdown();
    }
  }

  /** Takes out what is held, for a stage that reads it before there is a sink. */
  takeHeld(): Uint8Array[] {
    const held = this.#held ?? [];
    this.discard();
    return held;
  }

  /** Forgets what is held: the sink is gone. */
  discard(): void {
    this.#held = undefined;
    this.heldBytes = 0;
  }

  #hold(data: Uint8Array, bound: number): void {
    this.#held ??= [];
    this.#held.push(data);
    this.heldBytes += data.length;
    if (this.#paused || this.heldBytes <= bound) return;
    this.#paused = true;
    this.#source?.pause();
  }
}
