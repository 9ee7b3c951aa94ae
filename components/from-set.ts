import type { PolicySet } from "./policy-set.ts";

/**
 * What an AccessPlane hands to the components that it makes: its policy set, already loaded and compiled, and the
 * policy object that the component stands for. Users give a component its own arguments instead.
 */
export class FromSet {
  readonly set: PolicySet;
  readonly subject: string | undefined;

  constructor(set: PolicySet, subject: string | undefined) {
    this.set = set;
    this.subject = subject;
  }
}

/** @internal */
export function fromSet(set: PolicySet, subject?: string): FromSet {
  return new FromSet(set, subject);
}
