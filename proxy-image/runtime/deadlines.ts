/** Something with a moment at which it must look at itself. */
export interface Timed {
  /** Where it stands in the wheel; owned by {@link Deadlines}. */
  slot: Slot | undefined;
  /**
   * Called at the moment or up to one tick later, and sometimes before it. Returns the next moment, or `Infinity`. Times are
   * `Deadlines.now`.
   */
  due(now: number): number;
}

/** Everything whose moment falls into one tick. */
export interface Slot {
  readonly key: number;
  readonly items: Set<Timed>;
}

/**
 * Deadlines of very many connections with one timer: a connection that moves data only writes down when, and the wheel
 * asks it once its deadline passes. A timer for each connection, reset on each chunk, costs more than the relay.
 */
export class Deadlines {
  /** Milliseconds on a clock that never steps; advanced once a tick, so reading it is free. */
  now: number;
  readonly #tick: number;
  readonly #clock: () => number;
  readonly #slots = new Map<number, Slot>();
  #done: number;

  /**
   * @param tick granularity in milliseconds
   * @param clock monotonic milliseconds
   */
  constructor(tick: number, clock: () => number) {
    this.#tick = tick;
    this.#clock = clock;
    this.now = clock();
    this.#done = Math.floor(this.now / tick);
  }

  /** Items that wait for their moment. */
  get waiting(): number {
    let waiting = 0;
    for (const { items } of this.#slots.values()) waiting += items.size;
    return waiting;
  }

  /** Sets or moves the deadline; `Infinity` removes it. */
  set(item: Timed, at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.remove(item);
      return;
    }
    const key = Math.max(Math.ceil(at / this.#tick), this.#done + 1);
    // Asked too early it says when to ask again; to be moved at each change would cost more than to be asked once.
    if (item.slot !== undefined && item.slot.key <= key) return;
    item.slot?.items.delete(item);
    let slot = this.#slots.get(key);
    if (!slot) {
      slot = { key, items: new Set() };
      this.#slots.set(key, slot);
    }
    slot.items.add(item);
    item.slot = slot;
  }

  /** Forgets the item, so that a closed connection is not held until its deadline. */
  remove(item: Timed): void {
    item.slot?.items.delete(item);
    item.slot = undefined;
  }

  /** Advances the clock and asks everything whose moment has passed. Called by one timer. */
  advance(): void {
    this.now = this.#clock();
    const until = Math.floor(this.now / this.#tick);
    // After a long stop of the process the slots in between are far fewer than the ticks.
    const passed =
      until - this.#done > this.#slots.size
        ? [...this.#slots.keys()].filter((key) => key <= until).sort((a, b) => a - b)
        : Array.from({ length: until - this.#done }, (_, index) => this.#done + 1 + index);
    this.#done = Math.max(until, this.#done);
    for (const key of passed) {
      const slot = this.#slots.get(key);
      if (!slot) continue;
      this.#slots.delete(key);
      for (const item of slot.items) {
        if (item.slot !== slot) continue;
        item.slot = undefined;
        this.set(item, item.due(this.now));
      }
    }
  }

  /** Slots in use: for tests of growth. */
  get size(): number {
    return this.#slots.size;
  }
}
