import { nextTurn } from "../runtime/turn.ts";

/** What can be held back before its handshake. */
export interface Beginner {
  pause(): void;
  resume(): void;
}

/**
 * Handshakes that begin in one turn of the event loop. The runtime works off five events of handshakes in a turn, the
 * latest first; a handshake has two and more. When more begin than end, those that came first wait while later ones
 * overtake them: of 32 at a time, the slowest in a hundred took 14 times the median. Two in a turn never pile up.
 */
const BEGIN_PER_TURN = 2;

const FORGET_AFTER = 256;

/** Lets handshakes begin in the order in which they came, so many in a turn. None waits while there are no others. */
export class HandshakePace {
  #begun = 0;
  #scheduled = false;
  #waiting: Beginner[] = [];
  #next = 0;

  /** The client is to begin its handshake: now, or in one of the next turns. */
  begin(client: Beginner): void {
    if (this.#begun < BEGIN_PER_TURN && this.waiting === 0) this.#begun += 1;
    else {
      client.pause();
      this.#waiting.push(client);
    }
    this.#schedule();
  }

  get waiting(): number {
    return this.#waiting.length - this.#next;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    nextTurn(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    this.#begun = 0;
    while (this.#begun < BEGIN_PER_TURN) {
      const client = this.#waiting[this.#next];
      if (!client) break;
      this.#next += 1;
      this.#begun += 1;
      client.resume();
    }
    if (this.waiting > 0) this.#schedule();
    // Under a flood there is always somebody who waits; those that have begun must not be held for that long.
    if (this.waiting > 0 && this.#next < FORGET_AFTER) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }
}

/** One for the process: its listeners share the event loop. */
export const handshakePace = new HandshakePace();
