import type { Severity } from "../policy/finding.ts";
import type { Resource } from "./resource.ts";

/** One breach in a stack. */
export interface StackBreach {
  /** The resource concerned. @default the one that is looked at */
  readonly resource?: Resource;
  readonly message: string;
  /** @default the rule's */
  readonly severity?: Severity;
}

/** What every rule says of itself; its title, reason and severity are those of the rule id. */
interface StackRuleBase {
  /** An id of the rule registry. */
  readonly id: string;
  /** Every severity that a breach may have; a policy of the pack is made for each. */
  readonly severities: readonly Severity[];
  /** What to do about it in a stack. */
  readonly remediation: string;
  /** Stacks that are found, and stacks that are not; tests hold the rule to both, and the rule's page shows the first. */
  readonly bad: readonly (readonly Resource[])[];
  readonly good: readonly (readonly Resource[])[];
}

/** A rule over one resource. */
export interface ResourceRule extends StackRuleBase {
  readonly over: "resource";
  check(resource: Resource): Iterable<StackBreach>;
}

/** A rule over all resources of a stack together. */
export interface StackRule extends StackRuleBase {
  readonly over: "stack";
  check(resources: readonly Resource[]): Iterable<StackBreach>;
}

export type PackRule = ResourceRule | StackRule;
