import { KeptPlaces } from "./kept-places.ts";
import { type Asker, boundsPlaces, isBounded, type Place, type PlaceRequest, type Places } from "./place.ts";
import { Outbox, type PlaceAnswer, type PlaceMessage } from "./place-messages.ts";

/**
 * Places of a worker: the book is the supervisor's, because a bound holds for all workers together. Whoever nothing
 * bounds gets a place at once. Without an answer a connection does not go on; its deadline ends it.
 */
export class RemotePlaces implements Places {
  readonly kept: KeptPlaces;
  readonly #outbox: Outbox<PlaceMessage>;
  readonly #asked = new Map<number, RemotePlace>();
  readonly #waiting = new Map<string, number>();
  #next = 1;

  constructor(send: (messages: readonly PlaceMessage[]) => void) {
    this.#outbox = new Outbox(send);
    this.kept = new KeptPlaces((id) => this.tell({ leave: id }));
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
    for (const answer of answers) {
      if ("recall" in answer) this.kept.recall(answer.recall);
      // One that is not known has left meanwhile, and the book hears, or has heard, of that.
      else this.#asked.get(answer.id)?.answered(answer);
    }
  }

  /** A number for a place that the book is to know. */
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
    const waiting = this.waiting(service) + by;
    // An entry at zero would stay for every service that there ever was.
    if (waiting === 0) this.#waiting.delete(service);
    else this.#waiting.set(service, waiting);
  }
}

class RemotePlace implements Place {
  #request: PlaceRequest;
  readonly #asker: Asker;
  readonly #places: RemotePlaces;
  #id: number | undefined;
  /** What the book was told; the same text is the same kind of place. */
  #text = "";
  #state: "asked" | "queued" | "held" | "left" = "asked";
  /** May be used again by another: as of which recall. */
  #keep: number | undefined;

  constructor(request: PlaceRequest, asker: Asker, places: RemotePlaces) {
    this.#request = request;
    this.#asker = asker;
    this.#places = places;
  }

  ask(): void {
    const { kept } = this.#places;
    if (!isBounded(this.#request)) {
      this.#state = "held";
      this.#asker.placeGranted();
      return;
    }
    const sent = asSent(this.#request);
    this.#text = JSON.stringify(sent);
    this.#id = kept.take(sent.service, this.#text);
    if (this.#id !== undefined) {
      this.#keep = kept.recalls(sent.service);
      this.#state = "held";
      this.#asker.placeGranted();
      return;
    }
    this.#id = this.#places.register(this);
    this.#places.tell({ ask: this.#id, request: sent });
  }

  answered(answer: Exclude<PlaceAnswer, { readonly recall: string }>): void {
    this.#setQueued(answer.is === "queued");
    switch (answer.is) {
      case "granted":
        this.#state = "held";
        if (answer.keep) this.#keep = this.#places.kept.recalls(this.#request.service);
        this.#asker.placeGranted();
        return;
      case "queued":
        this.#asker.placeQueued();
        return;
      case "refused":
        // The book has forgotten it already.
        this.#state = "left";
        if (this.#id !== undefined) this.#places.forget(this.#id);
        this.#asker.placeRefused(answer.why);
        return;
    }
  }

  change(request: PlaceRequest): void {
    this.#request = request;
    if (this.#state === "left") return;
    if (this.#id === undefined && !isBounded(request)) return;
    const sent = asSent(request);
    const text = JSON.stringify(sent);
    if (text === this.#text) return;
    this.#text = text;
    this.#keep = undefined;
    if (this.#id === undefined) {
      this.#id = this.#places.register(this);
      this.#places.tell({ hold: this.#id, request: sent });
    } else this.#places.tell({ change: this.#id, request: sent });
  }

  leave(): void {
    const before = this.#state;
    this.#setQueued(false);
    this.#state = "left";
    if (this.#id === undefined || before === "left") return;
    this.#places.forget(this.#id);
    const { kept } = this.#places;
    if (this.#keep !== undefined && kept.keep(this.#request.service, this.#text, this.#id, this.#keep))
      return;
    this.#places.tell({ leave: this.#id });
  }

  #setQueued(queued: boolean): void {
    const was = this.#state === "queued";
    if (queued === was) return;
    this.#places.countWaiting(this.#request.service, queued ? 1 : -1);
    this.#state = queued ? "queued" : "asked";
  }
}

/** Only what bounds it: rules have much else, there may be many, and what is the same for all can be kept for any. */
function asSent(request: PlaceRequest): PlaceRequest {
  const { service, principalKey, rules, agent, perPrincipal, serviceLimits } = request;
  const { maxConnections, maxConnectionsPerPrincipal, queue } = serviceLimits;
  return {
    service,
    principalKey: isBoundedByPrincipal(request) ? principalKey : "",
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

function isBoundedByPrincipal({ rules, agent, perPrincipal, serviceLimits }: PlaceRequest): boolean {
  return (
    perPrincipal !== undefined ||
    agent !== undefined ||
    serviceLimits.maxConnectionsPerPrincipal !== undefined ||
    rules.some(
      ({ limits }) =>
        limits.maxConnectionsPerPrincipal !== undefined ||
        limits.connectionsPerMinutePerPrincipal !== undefined,
    )
  );
}
