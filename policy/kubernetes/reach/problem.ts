import type { Severity } from "../../finding.ts";

/**
 * Something wrong in the objects that were read.
 *
 * `PR190`: the API server would refuse the object. `PR191`: two different objects of one kind and name.
 * `PR192` (warning): a kind of policy that reachability does not take into account.
 * `PR193` (warning): pods on the host network, to which most network plugins apply no NetworkPolicy.
 */
export interface Problem {
  /** Id of the rule, with a page in docs/rules. */
  readonly rule: "PR190" | "PR191" | "PR192" | "PR193";
  /** With an `error` the answer would be about other objects than those of a cluster. */
  readonly severity: Severity;
  /** What is wrong, in one sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
  /** The object concerned, as `Kind/namespace/name`. */
  readonly object?: string;
  /** Where in the given list: the index of the object, then the keys and indexes down to the field. */
  readonly path: readonly (string | number)[];
}

/** A path as people write it: `spec.ingress[0].from`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}
