import type { BoundingRule } from "./connect/place.ts";

/** Live connections of each principal and under each rule, over all services. */
export class LiveCounts {
  readonly #principals = new Map<string, number>();
  readonly #rules = new Map<string, number>();
  /** Only of rules that bound each principal. */
  readonly #rulePrincipals = new Map<string, number>();

  ofPrincipal(key: string): number {
    return this.#principals.get(key) ?? 0;
  }

  ofRule(rule: BoundingRule): number {
    return this.#rules.get(ruleKey(rule)) ?? 0;
  }

  ofRulePrincipal(rule: BoundingRule, principal: string): number {
    return this.#rulePrincipals.get(`${ruleKey(rule)}\n${principal}`) ?? 0;
  }

  enter(principal: string): void {
    this.#principals.set(principal, this.ofPrincipal(principal) + 1);
  }

  leave(principal: string): void {
    decrement(this.#principals, principal);
  }

  enterRules(rules: readonly BoundingRule[], principal: string): void {
    for (const rule of rules) {
      const key = ruleKey(rule);
      this.#rules.set(key, (this.#rules.get(key) ?? 0) + 1);
      if (rule.limits.maxConnectionsPerPrincipal === undefined) continue;
      this.#rulePrincipals.set(`${ruleKey(rule)}\n${principal}`, this.ofRulePrincipal(rule, principal) + 1);
    }
  }

  /** With the same rules as on entering: a reload may have changed what they bound. */
  leaveRules(rules: readonly BoundingRule[], principal: string): void {
    for (const rule of rules) {
      decrement(this.#rules, ruleKey(rule));
      if (rule.limits.maxConnectionsPerPrincipal === undefined) continue;
      decrement(this.#rulePrincipals, `${ruleKey(rule)}\n${principal}`);
    }
  }
}

/** Put together once for each rule of a configuration, not for each connection. */
const ruleKeys = new WeakMap<BoundingRule, string>();

function ruleKey(rule: BoundingRule): string {
  let key = ruleKeys.get(rule);
  if (key === undefined) {
    key = `${rule.service}\n${rule.id}`;
    ruleKeys.set(rule, key);
  }
  return key;
}

/** An entry at zero would stay for everybody who ever connected. */
function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left <= 0) counts.delete(key);
  else counts.set(key, left);
}
