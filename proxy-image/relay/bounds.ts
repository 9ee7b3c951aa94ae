import type { ProxyAgent, ProxyRule, ProxyService } from "../../policy/compile/proxy/config.ts";
import type { CloseReason } from "../close-reason.ts";

export const NEVER = Number.POSITIVE_INFINITY;

/** A bound by the wall clock is looked at this often at least: that clock can be set forward. */
const WALL_CLOCK_LOOK_MS = 5_000;

/** What ends a relayed connection by itself: times and bytes. Times are those of `Deadlines.now`. */
export class RelayBounds {
  /** A byte moved then, either way. */
  lastActive = 0;
  /** One side said then that it was done. */
  halfClosedAt = NEVER;
  /** A login that the proxy stands in the middle of must be over by then. */
  loginUntil = NEVER;
  /** The credential that the client was identified by counts until then, epoch milliseconds. */
  credentialUntil = NEVER;
  maxBytes = NEVER;
  #endsAt = NEVER;

  /** Takes the narrowest of what the service, the rules and the agent allow. */
  apply(
    service: ProxyService,
    rules: readonly ProxyRule[],
    agent: ProxyAgent | undefined,
    startedAt: number,
  ): void {
    let duration = Math.min(service.maxDuration ?? NEVER, agent?.maxDuration ?? NEVER);
    let bytes = Math.min(service.limits.maxBytes ?? NEVER, agent?.maxBytes ?? NEVER);
    for (const { limits } of rules) {
      duration = Math.min(duration, limits.maxDuration ?? NEVER);
      bytes = Math.min(bytes, limits.maxBytes ?? NEVER);
    }
    this.#endsAt = startedAt + duration;
    this.maxBytes = bytes;
  }

  /** The bound that has been reached, if any. */
  reached(now: number, service: ProxyService): CloseReason | undefined {
    if (now >= this.#endsAt) return "max-duration";
    if (this.credentialUntil !== NEVER && Date.now() >= this.credentialUntil) return "credential-expired";
    if (now >= this.loginUntil) return "connect-timeout";
    if (now >= this.halfClosedAt + service.halfCloseTimeout) return "half-close-timeout";
    if (now >= this.lastActive + service.idleTimeout) return "idle-timeout";
    return undefined;
  }

  /** When to look again. */
  next(now: number, service: ProxyService): number {
    const next = Math.min(
      this.#endsAt,
      this.loginUntil,
      this.halfClosedAt + service.halfCloseTimeout,
      this.lastActive + service.idleTimeout,
    );
    if (this.credentialUntil === NEVER) return next;
    return Math.min(next, now + Math.min(this.credentialUntil - Date.now(), WALL_CLOCK_LOOK_MS));
  }
}
