import type { Grant, Model } from "../model/types.ts";
import type { LogPlace, Observations } from "./observed.ts";

/** What records say of one grant. */
export interface GrantUse {
  readonly grant: Grant;
  readonly count: number;
  /** Epoch milliseconds; undefined where there is none. */
  readonly last: number | undefined;
  readonly lastAt: LogPlace | undefined;
  /**
   * - `used`: a verdict rested on it
   * - `dormant`: none did, in records that would show it, for the whole time asked for
   * - `unknown`: the records do not reach back so far, or some were lost
   * - `not-recorded`: part of its traffic is let through by the mesh, or it is recorded by nobody
   */
  readonly state: "used" | "dormant" | "unknown" | "not-recorded";
  readonly why: string | undefined;
}

/**
 * How every grant was used.
 *
 * @param since - epoch milliseconds: how long nobody must have used a grant for it to be dormant
 * @param existedSince - when a grant came into the policies, by name, where that is known
 */
export function useOfGrants(
  model: Model,
  observations: Observations,
  since: number,
  existedSince: ReadonlyMap<string, number> = new Map(),
): GrantUse[] {
  const seen = new Map<string, { count: number; last: number; lastAt: LogPlace }>();
  for (const { rules, count, last, lastAt } of observations.observed) {
    for (const rule of new Set(rules)) {
      const known = seen.get(rule);
      if (!known) seen.set(rule, { count, last, lastAt });
      else {
        known.count += count;
        if (last >= known.last) Object.assign(known, { last, lastAt });
      }
    }
  }
  return [...model.grants.values()].map((grant) => {
    const found = seen.get(grant.name);
    const { count = 0, last, lastAt } = found ?? {};
    const [state, why] = found
      ? (["used", undefined] as const)
      : unused(model, grant, observations, since, existedSince);
    return { grant, count, last, lastAt, state, why };
  });
}

function unused(
  model: Model,
  grant: Grant,
  { covers, lost, beyond }: Observations,
  since: number,
  existedSince: ReadonlyMap<string, number>,
): readonly ["dormant" | "unknown" | "not-recorded", string | undefined] {
  const hidden = whyNotRecorded(model, grant.name);
  if (hidden !== undefined) return ["not-recorded", hidden];
  if (!covers || covers.from > since) {
    const reach = covers ? `begin at ${new Date(covers.from).toISOString()}` : "are empty";
    return ["unknown", `the records ${reach}`];
  }
  const existed = existedSince.get(grant.name);
  if (existed !== undefined && existed > since) {
    return ["unknown", `it has been there since ${new Date(existed).toISOString()} only`];
  }
  if (lost + beyond > 0) return ["unknown", `${lost + beyond} records are missing`];
  return ["dormant", undefined];
}

/** Why the proxy's records do not show all that a grant lets through; undefined when they do. */
export function whyNotRecorded(model: Model, name: string): string | undefined {
  const rules = model.rules.filter(({ id, source }) => id === name && source === "grant");
  if (rules.some(({ via }) => via.includes("mesh"))) {
    return "the mesh enforces it, whose connections the proxy does not see: look at Istio's own telemetry";
  }
  const services = new Set(rules.map(({ service }) => service));
  const silent = [...services].filter((service) =>
    model.rules
      .filter((rule) => rule.service === service && rule.source === "grant" && rule.action === "allow")
      .every(({ audit }) => audit === "none"),
  );
  return silent.length > 0 ? `connections to ${silent.join(", ")} are not recorded (audit: none)` : undefined;
}
