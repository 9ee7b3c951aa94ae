import type { Node, Path } from "./node.ts";

/** `error`: the API server or istiod's webhook refuses the object. `warning`: it is accepted, with a warning. */
export type ReasonSeverity = "error" | "warning";

/** One thing that is wrong with an object. */
export interface Reason {
  /** Keys and indices from the object's root to the offending value; empty for the object itself. */
  readonly path: Path;
  /** What is wrong and what to do, without the path. */
  readonly message: string;
  readonly severity: ReasonSeverity;
  /** Set where the last key of the path is what is wrong, and not its value. */
  readonly onKey?: true;
}

/** Collects reasons while an object is checked. */
export class Report {
  readonly #reasons: Reason[];
  readonly #keepsWarnings: boolean;

  constructor(reasons: Reason[] = [], keepsWarnings = true) {
    this.#reasons = reasons;
    this.#keepsWarnings = keepsWarnings;
  }

  get reasons(): readonly Reason[] {
    return this.#reasons;
  }

  get failed(): boolean {
    return this.#reasons.some((reason) => reason.severity === "error");
  }

  error(node: Node, message: string): void {
    this.#reasons.push({ path: node.path, message, severity: "error" });
  }

  /** Adds an error about the last key of the path. */
  errorOnKey(node: Node, message: string): void {
    this.#reasons.push({ path: node.path, message, severity: "error", onKey: true });
  }

  warn(node: Node, message: string): void {
    if (this.#keepsWarnings) this.#reasons.push({ path: node.path, message, severity: "warning" });
  }

  /** Adds an error when a check of one value answers with what is wrong with it. */
  check(node: Node, problem: string | undefined): void {
    if (problem !== undefined) this.error(node, problem);
  }

  /**
   * The same report without warnings. Istio loses the warnings of some parts on their way up (subsets, port level
   * settings, match conditions); a verdict that agrees with it must lose them in the same places.
   */
  errorsOnly(): Report {
    return new Report(this.#reasons, false);
  }
}
