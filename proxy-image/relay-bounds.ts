import type { ProxyAgent, ProxyRule, ProxyService } from "../policy/compile/proxy/config.ts";
import type { CloseReason } from "./close-reason.ts";

export const NEVER = Number.POSITIVE_INFINITY;

/** What ends a relayed connection by itself: times and bytes. Times are those of `Deadlines.now`. */
export class RelayBounds {
  /** A byte moved then, either way. */
  lastActive = 0;
  /** One side said then that it was done. */
  halfClosedAt = NEVER;
  /** A login that the proxy stands in the middle of must be over by then. */
  loginUntil = NEVER;
  maxBytes = NEVER;
  #endsAt = NEVER;

  /** Takes the narrowest of what the service, the rules and the agent allow. */
  apply(
    service: ProxyService,
    rules: readonly ProxyRule[],
    agent: ProxyAgent | undefined,
    startedAt: number,
  ): void {
    const durations = rules.map(({ limits }) => limits.maxDuration ?? NEVER);
    const bytes = rules.map(({ limits }) => limits.maxBytes ?? NEVER);
    this.#endsAt =
      startedAt + Math.min(service.maxDuration ?? NEVER, agent?.maxDuration ?? NEVER, ...durations);
    this.maxBytes = Math.min(service.limits.maxBytes ?? NEVER, agent?.maxBytes ?? NEVER, ...bytes);
  }

  /** The bound that has been reached, if any. */
  reached(now: number, service: ProxyService): CloseReason | undefined {
    if (now >= this.#endsAt) return "max-duration";
    if (now >= this.loginUntil) return "connect-timeout";
    if (now >= this.halfClosedAt + service.halfCloseTimeout) return "half-close-timeout";
    if (now >= this.lastActive + service.idleTimeout) return "idle-timeout";
    return undefined;
  }

  /** When to look again. */
  next(service: ProxyService): number {
    return Math.min(
      this.#endsAt,
      this.loginUntil,
      this.halfClosedAt + service.halfCloseTimeout,
      this.lastActive + service.idleTimeout,
    );
  }
}
