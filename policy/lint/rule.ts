import type { Position, Severity } from "../finding.ts";
import type { Path } from "../load/source.ts";
import type { Kind, Model } from "../model/types.ts";

/** A policy object, as findings and waivers name it: `Service/orders-db`, `Workload/shop/api`. */
export type ObjectId = `${Kind}/${string}`;

/** What a guardrail says about itself: shown in SARIF and in the reference. */
export interface RuleInfo {
  /** `PR431`; never used again for another rule. */
  readonly id: string;
  /** The breach in a few words. */
  readonly title: string;
  /**
   * `error`: access is wider than it looks, or connections would fail. `warning`: works, but somebody should look.
   * `info`: only told.
   */
  readonly severity: Severity;
  /** A Waiver may accept a breach of it. */
  readonly waivable: boolean;
  /** The failure it prevents, with its source. */
  readonly why: string;
  /** What to do about it. */
  readonly fix: string;
}

/** One breach. */
export interface Breach {
  readonly object: ObjectId;
  /** The field concerned. @default the object itself */
  readonly path?: Path;
  readonly message: string;
  /** @default the rule's */
  readonly fix?: string;
  /** @default the rule's */
  readonly severity?: Severity;
}

/** What guardrails are given. */
export interface LintContext {
  readonly model: Model;
  /** Epoch milliseconds; the core has no clock. */
  readonly now: number;
}

/** A guardrail. `bad` and `good` are policy documents beside a Trust; tests hold it to both. */
export interface LintRule extends RuleInfo {
  readonly bad: string;
  readonly good: string;
  check(context: LintContext): Iterable<Breach>;
}

/** Where a field of an object was written; undefined when nobody knows. */
export type Locate = (object: string, path: Path) => Position | undefined;
