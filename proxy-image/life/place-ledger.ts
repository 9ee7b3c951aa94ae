import { type BookPlace, PlaceBook } from "../connect/place-book.ts";
import type { PlaceAnswer, PlaceMessage } from "../connect/place-messages.ts";
import { Outbox } from "../connect/place-messages.ts";

/** The supervisor's book, and which worker holds what in it: the places of a worker that ends are free again. */
export class PlaceLedger {
  readonly #book: PlaceBook;

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#book = new PlaceBook(now);
  }

  /** @param send answers, to this worker */
  worker(send: (answers: readonly PlaceAnswer[]) => void): WorkerPlaces {
    return new WorkerPlaces(this.#book, send);
  }
}

/** What one worker holds and waits for. */
export class WorkerPlaces {
  readonly #book: PlaceBook;
  readonly #outbox: Outbox<PlaceAnswer>;
  readonly #places = new Map<number, BookPlace>();

  constructor(book: PlaceBook, send: (answers: readonly PlaceAnswer[]) => void) {
    this.#book = book;
    this.#outbox = new Outbox(send);
  }

  receive(messages: readonly PlaceMessage[]): void {
    for (const message of messages) this.#one(message);
  }

  /** The process is gone, and with it every connection that it had. */
  gone(): void {
    for (const place of this.#places.values()) place.leave();
    this.#places.clear();
  }

  #one(message: PlaceMessage): void {
    if ("ask" in message) {
      const id = message.ask;
      const place = this.#book.place(message.request, {
        placeGranted: () => this.#outbox.push({ id, is: "granted" }),
        placeQueued: () => this.#outbox.push({ id, is: "queued" }),
        placeRefused: (why) => {
          this.#places.delete(id);
          this.#outbox.push({ id, is: "refused", why });
        },
      });
      this.#places.set(id, place);
      place.ask();
    } else if ("hold" in message) {
      const place = this.#book.place(message.request, HELD);
      this.#places.set(message.hold, place);
      place.hold();
    } else if ("change" in message) {
      this.#places.get(message.change)?.change(message.request);
    } else {
      this.#places.get(message.leave)?.leave();
      this.#places.delete(message.leave);
    }
  }
}

/** It did not ask: there is nothing to be told. */
const HELD = { placeGranted() {}, placeQueued() {}, placeRefused() {} };
