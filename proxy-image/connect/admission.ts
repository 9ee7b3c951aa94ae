import type { ServiceLimits } from "./place.ts";

/** Somebody who asks for a place at a service. */
export interface Applicant {
  /** Who counts as one principal; a bound of its own may apply. */
  readonly principalKey: string;
  /** Called when a place became free, or when waiting is over. */
  admitted(): void;
}

export type Admission = "admitted" | "queued" | "service-limit" | "principal-limit" | "queue-full";

/** The places of one service: how many connections it has, and who waits for one. */
export class ServiceAdmission {
  live = 0;
  #limits: ServiceLimits;
  readonly #byPrincipal = new Map<string, number>();
  readonly #waiting = new Set<Applicant>();

  constructor(limits: ServiceLimits) {
    this.#limits = limits;
  }

  get limits(): ServiceLimits {
    return this.#limits;
  }

  set limits(limits: ServiceLimits) {
    this.#limits = limits;
    this.#admitWaiting();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  ask(applicant: Applicant): Admission {
    const held = this.held(applicant.principalKey);
    if (held >= (this.#limits.maxConnectionsPerPrincipal ?? Number.POSITIVE_INFINITY))
      return "principal-limit";
    if (this.live < (this.#limits.maxConnections ?? Number.POSITIVE_INFINITY) && this.#waiting.size === 0) {
      this.#take(applicant.principalKey);
      return "admitted";
    }
    if (this.#limits.queue === 0) return "service-limit";
    if (this.#waiting.size >= this.#limits.queue) return "queue-full";
    this.#waiting.add(applicant);
    return "queued";
  }

  /** Places of one principal. */
  held(principalKey: string): number {
    return this.#byPrincipal.get(principalKey) ?? 0;
  }

  /** Counts one that has its place already, beyond the bounds if need be. */
  hold(principalKey: string): void {
    this.#take(principalKey);
  }

  /** Gives up waiting. */
  leaveQueue(applicant: Applicant): void {
    this.#waiting.delete(applicant);
  }

  /** Gives a place back. */
  release(principalKey: string): void {
    this.live -= 1;
    const held = (this.#byPrincipal.get(principalKey) ?? 1) - 1;
    // An entry at zero would stay for every principal that ever connected.
    if (held <= 0) this.#byPrincipal.delete(principalKey);
    else this.#byPrincipal.set(principalKey, held);
    this.#admitWaiting();
  }

  #take(principalKey: string): void {
    this.live += 1;
    this.#byPrincipal.set(principalKey, this.held(principalKey) + 1);
  }

  #admitWaiting(): void {
    for (const applicant of this.#waiting) {
      if (this.live >= (this.#limits.maxConnections ?? Number.POSITIVE_INFINITY)) return;
      const held = this.held(applicant.principalKey);
      // One that is at its own bound keeps its turn but does not hold up the others.
      if (held >= (this.#limits.maxConnectionsPerPrincipal ?? Number.POSITIVE_INFINITY)) continue;
      this.#waiting.delete(applicant);
      this.#take(applicant.principalKey);
      applicant.admitted();
    }
  }
}
