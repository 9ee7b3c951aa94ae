import { type Asker, boundsPlaces, isBounded, type Place, type PlaceRequest, type Places } from "./place.ts";
import { Outbox, type PlaceAnswer, type PlaceMessage } from "./place-messages.ts";

/**
 * Places of a worker: the book is the supervisor's, because a bound holds for all workers together. Whoever nothing
 * bounds gets a place at once. Without an answer a connection does not go on; its deadline ends it.
 */
export class RemotePlaces implements Places {
  readonly #outbox: Outbox<PlaceMessage>;
  readonly #asked = new Map<number, RemotePlace>();
  readonly #waiting = new Map<string, number>();
  #next = 1;

  constructor(send: (messages: readonly PlaceMessage[]) => void) {
    this.#outbox = new Outbox(send);
  }

  place(request: PlaceRequest, asker: Asker): Place {
    return new RemotePlace(request, asker, this);
  }

  /** The book hears of them with each connection's own request. */
  setLimits(): void {}

  waiting(service: string): number {
    return this.#waiting.get(service) ?? 0;
  }

  receive(answers: readonly PlaceAnswer[]): void {
    // One that is not known has left meanwhile, and the book hears, or has heard, of that.
    for (const answer of answers) this.#asked.get(answer.id)?.answered(answer);
  }

  /** Takes a number for a place that the book is to know. */
  register(place: RemotePlace): number {
    const id = this.#next;
    this.#next += 1;
    this.#asked.set(id, place);
    return id;
  }

  tell(message: PlaceMessage): void {
    this.#outbox.push(message);
  }

  forget(id: number): void {
    this.#asked.delete(id);
  }

  /** One more, or one less, waits at a service. */
  countWaiting(service: string, by: 1 | -1): void {
    this.#waiting.set(service, this.waiting(service) + by);
  }
}

class RemotePlace implements Place {
  #request: PlaceRequest;
  readonly #asker: Asker;
  readonly #places: RemotePlaces;
  #id: number | undefined;
  #state: "asked" | "queued" | "held" | "left" = "asked";

  constructor(request: PlaceRequest, asker: Asker, places: RemotePlaces) {
    this.#request = request;
    this.#asker = asker;
    this.#places = places;
  }

  ask(): void {
    if (!isBounded(this.#request)) {
      this.#state = "held";
      this.#asker.placeGranted();
      return;
    }
    this.#id = this.#places.register(this);
    this.#places.tell({ ask: this.#id, request: asSent(this.#request) });
  }

  answered({ is, why }: PlaceAnswer): void {
    this.#setQueued(is === "queued");
    switch (is) {
      case "granted":
        this.#state = "held";
        this.#asker.placeGranted();
        return;
      case "queued":
        this.#asker.placeQueued();
        return;
      case "refused":
        // The book has forgotten it already.
        this.#state = "left";
        if (this.#id !== undefined) this.#places.forget(this.#id);
        this.#asker.placeRefused(why ?? "limit");
        return;
    }
  }

  change(request: PlaceRequest): void {
    const before = JSON.stringify(asSent(this.#request));
    this.#request = request;
    if (this.#state === "left") return;
    const sent = asSent(request);
    if (this.#id === undefined) {
      if (!isBounded(request)) return;
      this.#id = this.#places.register(this);
      this.#places.tell({ hold: this.#id, request: sent });
    } else if (JSON.stringify(sent) !== before) {
      this.#places.tell({ change: this.#id, request: sent });
    }
  }

  leave(): void {
    const before = this.#state;
    this.#setQueued(false);
    this.#state = "left";
    if (this.#id === undefined || before === "left") return;
    this.#places.forget(this.#id);
    this.#places.tell({ leave: this.#id });
  }

  #setQueued(queued: boolean): void {
    const was = this.#state === "queued";
    if (queued === was) return;
    this.#places.countWaiting(this.#request.service, queued ? 1 : -1);
    this.#state = queued ? "queued" : "asked";
  }
}

/** Only what bounds it: rules have much else, and there may be many. */
function asSent({
  service,
  principalKey,
  rules,
  agent,
  perPrincipal,
  serviceLimits,
}: PlaceRequest): PlaceRequest {
  const { maxConnections, maxConnectionsPerPrincipal, queue } = serviceLimits;
  return {
    service,
    principalKey,
    rules: rules.filter(boundsPlaces).map(({ service, id, limits }) => ({
      service,
      id,
      limits: {
        maxConnections: limits.maxConnections,
        maxConnectionsPerPrincipal: limits.maxConnectionsPerPrincipal,
        connectionsPerMinutePerPrincipal: limits.connectionsPerMinutePerPrincipal,
      },
    })),
    agent: agent && {
      name: agent.name,
      maxConnections: agent.maxConnections,
      connectionsPerMinute: agent.connectionsPerMinute,
    },
    perPrincipal,
    serviceLimits: { maxConnections, maxConnectionsPerPrincipal, queue },
  };
}
