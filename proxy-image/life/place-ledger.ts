import { KEPT_MAX } from "../connect/kept-places.ts";
import type { PlaceRequest } from "../connect/place.ts";
import { type BookPlace, PlaceBook } from "../connect/place-book.ts";
import type { PlaceAnswer, PlaceMessage } from "../connect/place-messages.ts";
import { Outbox } from "../connect/place-messages.ts";

/** The supervisor's book, and which worker holds what in it: the places of a worker that ends are free again. */
export class PlaceLedger {
  readonly book: PlaceBook;
  readonly #workers = new Set<WorkerPlaces>();
  readonly #keptMax: number;
  /** Services of which workers may keep places. */
  readonly #keeping = new Set<string>();

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now(), keptMax = KEPT_MAX) {
    this.book = new PlaceBook(now);
    this.#keptMax = keptMax;
  }

  /** @param send answers, to this worker */
  worker(send: (answers: readonly PlaceAnswer[]) => void): WorkerPlaces {
    const worker = new WorkerPlaces(this, send);
    this.#workers.add(worker);
    return worker;
  }

  /**
   * Whether a place may be kept for the next of its kind. When it may not, what is kept at its service is called back:
   * early, as long as there is more room than all workers together could keep.
   */
  mayKeep(request: PlaceRequest): boolean {
    const { service } = request;
    if (this.book.isRoomy(request, this.#keptMax * this.#workers.size)) {
      this.#keeping.add(service);
      return true;
    }
    if (this.#keeping.delete(service)) for (const worker of this.#workers) worker.recall(service);
    return false;
  }

  forget(worker: WorkerPlaces): void {
    this.#workers.delete(worker);
  }
}

/** What one worker holds and waits for. */
export class WorkerPlaces {
  readonly #ledger: PlaceLedger;
  readonly #outbox: Outbox<PlaceAnswer>;
  readonly #places = new Map<number, BookPlace>();

  constructor(ledger: PlaceLedger, send: (answers: readonly PlaceAnswer[]) => void) {
    this.#ledger = ledger;
    this.#outbox = new Outbox(send);
  }

  receive(messages: readonly PlaceMessage[]): void {
    for (const message of messages) this.#one(message);
  }

  recall(service: string): void {
    this.#outbox.push({ recall: service });
  }

  /** The process is gone, and with it every connection that it had. */
  gone(): void {
    this.#ledger.forget(this);
    for (const place of this.#places.values()) place.leave();
    this.#places.clear();
  }

  #one(message: PlaceMessage): void {
    if ("ask" in message) this.#ask(message.ask, message.request);
    else if ("hold" in message) {
      const place = this.#ledger.book.place(message.request, HELD);
      this.#places.set(message.hold, place);
      place.hold();
      this.#ledger.mayKeep(message.request);
    } else if ("change" in message) {
      this.#places.get(message.change)?.change(message.request);
      this.#ledger.mayKeep(message.request);
    } else {
      this.#places.get(message.leave)?.leave();
      this.#places.delete(message.leave);
    }
  }

  #ask(id: number, request: PlaceRequest): void {
    const place = this.#ledger.book.place(request, {
      placeGranted: () => this.#outbox.push({ id, is: "granted", keep: this.#ledger.mayKeep(request) }),
      placeQueued: () => this.#outbox.push({ id, is: "queued" }),
      placeRefused: (why) => {
        this.#places.delete(id);
        this.#outbox.push({ id, is: "refused", why });
      },
    });
    this.#places.set(id, place);
    place.ask();
  }
}

/** It did not ask: there is nothing to be told. */
const HELD = { placeGranted() {}, placeQueued() {}, placeRefused() {} };
