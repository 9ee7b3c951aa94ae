import type { LiveCounts } from "../live-counts.ts";
import type { Reached } from "../protocol/limit-words.ts";
import { NEVER } from "../relay/bounds.ts";
import type { Limited } from "./place.ts";
import type { Rates } from "./rates.ts";

/**
 * The bound on live connections that one more would break, in words; undefined when there is none. The places of a
 * service are `ServiceAdmission`'s.
 *
 * @param entered the connection is already counted: it waited for a place, and others may have come meanwhile
 */
export function liveLimit(limited: Limited, counts: LiveCounts, entered = false): Reached | undefined {
  const { principalKey, rules, agent, perPrincipal } = limited;
  const own = entered ? 1 : 0;
  const held = counts.ofPrincipal(principalKey) - own;
  if (held >= (perPrincipal ?? NEVER)) return "principal";
  if (agent && held >= (agent.maxConnections ?? NEVER)) return `agent ${agent.name}`;
  for (const rule of rules) {
    const { maxConnections, maxConnectionsPerPrincipal } = rule.limits;
    if (maxConnections !== undefined && counts.ofRule(rule) - own >= maxConnections) return `rule ${rule.id}`;
    if (maxConnectionsPerPrincipal === undefined) continue;
    if (counts.ofRulePrincipal(rule, principalKey) - own >= maxConnectionsPerPrincipal) {
      return `rule ${rule.id}, for each principal`;
    }
  }
  return undefined;
}

/**
 * The rate that one more new connection would break, in words; undefined when there is none, and then it is counted.
 *
 * @param now monotonic milliseconds
 */
export function rateLimit(limited: Limited, rates: Rates, now: number): Reached | undefined {
  const bounds = boundsOf(limited);
  for (const { key, limit, what } of bounds) {
    if (!rates.allows(key, limit, now)) return `rate of ${what}`;
  }
  for (const { key } of bounds) rates.note(key, now);
  return undefined;
}

function boundsOf({ principalKey, rules, agent }: Limited): { key: string; limit: number; what: string }[] {
  const bounds: { key: string; limit: number; what: string }[] = [];
  if (agent?.connectionsPerMinute !== undefined) {
    bounds.push({ key: agent.name, limit: agent.connectionsPerMinute, what: `agent ${agent.name}` });
  }
  for (const { service, id, limits } of rules) {
    const limit = limits.connectionsPerMinutePerPrincipal;
    if (limit === undefined) continue;
    bounds.push({ key: `${service}\n${id}\n${principalKey}`, limit, what: `rule ${id}, for each principal` });
  }
  return bounds;
}
