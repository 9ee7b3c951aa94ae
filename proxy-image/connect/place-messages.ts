import { nextTurn } from "../runtime/turn.ts";
import type { PlaceRequest } from "./place.ts";

/** What a worker tells the supervisor's book of a connection; `id` is the worker's own number for it. */
export type PlaceMessage =
  | { readonly ask: number; readonly request: PlaceRequest }
  /** It is there: bounds came, or changed, by a reload. */
  | { readonly hold: number; readonly request: PlaceRequest }
  /** It waits, and what it asked for changed by a reload. */
  | { readonly change: number; readonly request: PlaceRequest }
  | { readonly leave: number };

/** What the book tells a worker. */
export type PlaceAnswer =
  /** The `ask` has a place. With `keep` there is so much room that the worker may use it again for another of the same kind. */
  | { readonly id: number; readonly is: "granted"; readonly keep: boolean }
  | { readonly id: number; readonly is: "queued" }
  | { readonly id: number; readonly is: "refused"; readonly why: string }
  /** Room at a service is getting scarce: what is kept and not in use is to be given back. */
  | { readonly recall: string };

/** What came in one turn of the loop goes as one message: under load the channel costs more than what it carries. */
export class Outbox<Item> {
  readonly #send: (items: readonly Item[]) => void;
  #items: Item[] = [];

  constructor(send: (items: readonly Item[]) => void) {
    this.#send = send;
  }

  push(item: Item): void {
    this.#items.push(item);
    if (this.#items.length === 1) nextTurn(() => this.#flush());
  }

  #flush(): void {
    const items = this.#items;
    this.#items = [];
    this.#send(items);
  }
}
