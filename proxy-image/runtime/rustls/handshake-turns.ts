/** Reads of handshakes in a turn of the event loop: about 2 ms of work, for which everybody else's bytes wait. */
const READS_PER_TURN = 8;

/**
 * A share of each turn for handshakes, in the order in which they came. Without it, clients that have connected in silence
 * and all begin at once have their handshakes in one turn: 1500 of them held everybody's bytes for 300 ms.
 */
export class HandshakeTurns {
  #left = READS_PER_TURN;
  #waiting = 0;
  #scheduled = false;

  /**
   * Whether a handshake may go on in this turn. One that may not asks again in the next.
   *
   * @param waited it was told before that it may not: goes before one that comes only now
   */
  take(waited: boolean): boolean {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#next);
    }
    if (this.#left === 0 || (!waited && this.#waiting > 0)) {
      if (!waited) this.#waiting += 1;
      return false;
    }
    this.#left -= 1;
    if (waited) this.#waiting -= 1;
    return true;
  }

  /** One that waited is gone. */
  leave(): void {
    this.#waiting -= 1;
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    this.#left = READS_PER_TURN;
  };
}

/** One for the process: its ports share the event loop. */
export const handshakeTurns = new HandshakeTurns();
