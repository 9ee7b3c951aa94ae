import { createHash } from "node:crypto";
import type { AuthorizationRule } from "./objects.ts";

/** Istio's limit of rules in an AuthorizationPolicy (`maxItems` of its CRD). */
export const MAX_RULES = 512;
/** Below etcd's 1.5 MiB, with room for metadata, managed fields and the copy in `last-applied-configuration`. */
export const MAX_BYTES = 512 * 1024;
/** Beyond this something else is wrong. */
const MAX_PARTS = 1 << 12;

/** An Istio rule and what it is known by, which holds all of its content; equal keys stay together. */
export interface KeyedRule {
  readonly key: string;
  readonly rule: AuthorizationRule;
}

/**
 * Divides rules over objects that add up (several ALLOW policies do, several DENY policies do). Membership follows from the
 * rule's own key, and the number of parts is a power of two: one rule more changes one object, and when the number of
 * parts doubles, each part gives about half of its rules to one new part.
 *
 * @returns the rules of each part, by its number; at least one part, which may be empty.
 */
export function splitRules(rules: readonly KeyedRule[]): ReadonlyMap<number, readonly AuthorizationRule[]> {
  if (fits(rules)) return new Map([[0, rules.map(({ rule }) => rule)]]);
  for (let parts = 2; parts <= MAX_PARTS; parts *= 2) {
    const byPart = Map.groupBy(rules, ({ key }) => partOf(key, parts));
    if (parts === MAX_PARTS || [...byPart.values()].every(fits)) {
      return new Map(
        [...byPart].sort(([a], [b]) => a - b).map(([part, some]) => [part, some.map(({ rule }) => rule)]),
      );
    }
  }
  throw new RangeError("unreachable: the loop ends at the largest number of parts");
}

function fits(rules: readonly KeyedRule[]): boolean {
  return (
    rules.length <= MAX_RULES &&
    rules.reduce((bytes, { key }) => bytes + Buffer.byteLength(key), 0) <= MAX_BYTES
  );
}

function partOf(key: string, parts: number): number {
  return createHash("sha256").update(key).digest().readUInt32BE(0) % parts;
}
