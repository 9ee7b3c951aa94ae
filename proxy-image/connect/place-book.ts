import { LiveCounts } from "../live-counts.ts";
import type { Reached } from "../protocol/limit-words.ts";
import { type Applicant, ServiceAdmission } from "./admission.ts";
import { liveLimit, rateLimit } from "./limits.ts";
import type { Asker, Place, PlaceRequest, Places, ServiceLimits } from "./place.ts";
import { Rates } from "./rates.ts";

/**
 * Every place that is held or waited for, and so the one who can say whether there is another. A proxy has one book: in
 * its process, or with several workers in the supervisor, which no worker's end takes with it.
 */
export class PlaceBook implements Places {
  readonly counts = new LiveCounts();
  readonly rates = new Rates();
  readonly now: () => number;
  readonly #admissions = new Map<string, ServiceAdmission>();

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.now = now;
  }

  place(request: PlaceRequest, asker: Asker): BookPlace {
    return new BookPlace(request, asker, this);
  }

  setLimits(service: string, limits: ServiceLimits): void {
    const admission = this.#admissions.get(service);
    if (admission && !sameLimits(admission.limits, limits)) admission.limits = limits;
  }

  /** Services of which something is remembered. */
  get size(): number {
    return this.#admissions.size;
  }

  waiting(service: string): number {
    return this.#admissions.get(service)?.waiting ?? 0;
  }

  /**
   * Whether every bound of the request is so far away that a few places more or less do not matter: a quarter of it, and
   * at least `margin`. Never where a bound spans services, or time.
   */
  isRoomy(request: PlaceRequest, margin: number): boolean {
    const { agent, perPrincipal, principalKey, rules, serviceLimits } = request;
    if (perPrincipal !== undefined || agent?.maxConnections !== undefined) return false;
    if (agent?.connectionsPerMinute !== undefined) return false;
    const far = (bound: number | undefined, held: number) =>
      bound === undefined || bound - held >= Math.max(bound / 4, margin);
    const admission = this.admission(request);
    return (
      far(serviceLimits.maxConnections, admission.live) &&
      far(serviceLimits.maxConnectionsPerPrincipal, admission.held(principalKey)) &&
      rules.every(
        (rule) =>
          rule.limits.connectionsPerMinutePerPrincipal === undefined &&
          far(rule.limits.maxConnections, this.counts.ofRule(rule)) &&
          far(rule.limits.maxConnectionsPerPrincipal, this.counts.ofRulePrincipal(rule, principalKey)),
      )
    );
  }

  /** The places of the request's service, bounded as it says. */
  admission({ service, serviceLimits }: PlaceRequest): ServiceAdmission {
    let admission = this.#admissions.get(service);
    if (!admission) {
      this.#forgetUnused();
      admission = new ServiceAdmission(serviceLimits);
      this.#admissions.set(service, admission);
    } else if (admission.limits !== serviceLimits) this.setLimits(service, serviceLimits);
    return admission;
  }

  /** Services come and go with configurations. One without a connection is as good as new, so those go when another comes. */
  #forgetUnused(): void {
    for (const [service, { live, waiting }] of this.#admissions) {
      if (live === 0 && waiting === 0) this.#admissions.delete(service);
    }
  }
}

/** One line of the book. */
export class BookPlace implements Place, Applicant {
  #request: PlaceRequest;
  readonly #asker: Asker;
  readonly #book: PlaceBook;
  #admission: ServiceAdmission | undefined;
  #state: "new" | "waiting" | "held" | "left" = "new";

  constructor(request: PlaceRequest, asker: Asker, book: PlaceBook) {
    this.#request = request;
    this.#asker = asker;
    this.#book = book;
  }

  get principalKey(): string {
    return this.#request.principalKey;
  }

  ask(): void {
    const { counts, rates, now } = this.#book;
    const reached = liveLimit(this.#request, counts) ?? rateLimit(this.#request, rates, now());
    if (reached !== undefined) {
      this.#refuse(reached);
      return;
    }
    this.#admission = this.#book.admission(this.#request);
    const admission = this.#admission.ask(this);
    switch (admission) {
      case "admitted":
        this.#enter();
        this.#asker.placeGranted();
        return;
      case "queued":
        this.#state = "waiting";
        this.#asker.placeQueued();
        return;
      case "service-limit":
      case "principal-limit":
      case "queue-full":
        this.#refuse(admission);
        return;
    }
  }

  /** It waited, and the service has a place for it now. */
  admitted(): void {
    this.#enter();
    // Its other bounds were free when it came; others came meanwhile.
    const reached = liveLimit(this.#request, this.#book.counts, true);
    if (reached === undefined) {
      this.#asker.placeGranted();
      return;
    }
    this.leave();
    this.#asker.placeRefused(reached);
  }

  /** Notes a connection that is there already, whatever the bounds say. */
  hold(): void {
    this.#admission = this.#book.admission(this.#request);
    this.#admission.hold(this.principalKey);
    this.#enter();
  }

  change(request: PlaceRequest): void {
    const before = this.#request;
    this.#request = request;
    if (this.#state === "left") return;
    if (this.#state === "held") {
      const { counts } = this.#book;
      // With the rules of before: they say what was counted.
      counts.leaveRules(before.rules, before.principalKey);
      counts.leave(before.principalKey);
      this.#enter();
      if (request.principalKey !== before.principalKey) {
        // In this order, so that nobody who waits is let in between.
        this.#admission?.hold(request.principalKey);
        this.#admission?.release(before.principalKey);
      }
    }
    this.#book.setLimits(request.service, request.serviceLimits);
  }

  leave(): void {
    const { counts } = this.#book;
    const before = this.#state;
    this.#state = "left";
    if (before === "waiting") this.#admission?.leaveQueue(this);
    if (before !== "held") return;
    counts.leaveRules(this.#request.rules, this.principalKey);
    counts.leave(this.principalKey);
    this.#admission?.release(this.principalKey);
  }

  #enter(): void {
    this.#state = "held";
    this.#book.counts.enter(this.principalKey);
    this.#book.counts.enterRules(this.#request.rules, this.principalKey);
  }

  #refuse(why: Reached): void {
    this.#state = "left";
    this.#asker.placeRefused(why);
  }
}

function sameLimits(a: ServiceLimits, b: ServiceLimits): boolean {
  return (
    a.maxConnections === b.maxConnections &&
    a.maxConnectionsPerPrincipal === b.maxConnectionsPerPrincipal &&
    a.queue === b.queue
  );
}
