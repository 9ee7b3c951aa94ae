/**
 * Unit tests for access, offline, in any test runner: an assertion that fails throws an `AccessAssertionError`.
 *
 * @example
 * ```ts
 * import { expect, policies } from "portreeve/testing";
 * const plane = policies({ paths: ["policies"] });
 * expect(plane).connection({ from: "shop/api", to: "orders-db:5432" }).toBeAllowed();
 * expect(plane).service("orders-db").toBeOnlyReachableBy(["shop/api", "okta:dba"]);
 * ```
 * @packageDocumentation
 */
import { decide } from "../policy/decide/decide.ts";
import type { Verdict } from "../policy/decide/verdict.ts";
import { formatPosition } from "../policy/finding.ts";
import { loadModel, type PolicySources } from "../policy/load/index.ts";
import { accessTable } from "../policy/model/access.ts";
import { connectionOf, type Question } from "../policy/model/query.ts";
import type { Model } from "../policy/model/types.ts";
import { explainVerdict } from "./explain-verdict.ts";

export type { Question } from "../policy/model/query.ts";
export { type AccessCase, type CaseReport, type CaseResult, type PlacedCase, runCases } from "./cases.ts";

/** What was expected, and what the policies say. */
export class AccessAssertionError extends Error {
  /** What the policies say of the connection; undefined for assertions about a service. */
  readonly verdict: Verdict | undefined;

  constructor(message: string, verdict?: Verdict) {
    super(message);
    this.name = "AccessAssertionError";
    this.verdict = verdict;
  }
}

/**
 * Loads policies for a test.
 *
 * @throws PolicyError with every problem at once.
 */
export function policies(sources: PolicySources): Model {
  return loadModel(sources);
}

/** A question about one connection, and the instant at which it is asked. */
export interface ConnectionQuestion extends Question {
  /** RFC 3339. @default now */
  readonly at?: string;
}

/** What may be expected of one connection. Each throws an {@link AccessAssertionError} that explains the verdict. */
export interface ConnectionAssertions {
  /** What the policies say. */
  readonly verdict: Verdict;
  /** Allowed, by whichever grant. */
  toBeAllowed(): void;
  /** Allowed, and by this grant. */
  toBeAllowedBy(grant: string): void;
  /** Denied: by a deny, or for want of a grant. */
  toBeDenied(): void;
  /** Denied by an explicit deny: this grant. */
  toBeDeniedBy(grant: string): void;
}

/** What may be expected of everybody's access to one service. */
export interface ServiceAssertions {
  /** Exactly these may reach it: workload ids, `provider:group`, `agent:name`, `namespace:name`, address blocks. */
  toBeOnlyReachableBy(expected: readonly string[]): void;
}

/** Assertions about a policy set. */
export function expect(model: Model): {
  connection(question: ConnectionQuestion): ConnectionAssertions;
  service(name: string): ServiceAssertions;
} {
  return {
    connection: (question) => connectionAssertions(model, question),
    service: (name) => ({ toBeOnlyReachableBy: (expected) => onlyReachableBy(model, name, expected) }),
  };
}

function connectionAssertions(model: Model, question: ConnectionQuestion): ConnectionAssertions {
  const instant = question.at === undefined ? Date.now() : Date.parse(question.at);
  if (Number.isNaN(instant))
    throw new AccessAssertionError(`at: ${question.at} is not an instant such as 2027-01-31T00:00:00Z`);
  const verdict = decide(model.table, connectionOf(model, question), instant);
  const check = (holds: boolean, expected: string) => {
    if (holds) return;
    throw new AccessAssertionError(
      `${question.from} → ${question.to}: expected ${expected}, but ${explainVerdict(verdict)}`,
      verdict,
    );
  };
  return {
    verdict,
    toBeAllowed: () => check(verdict.verdict === "allow", "it to be allowed"),
    toBeAllowedBy: (grant) =>
      check(verdict.verdict === "allow" && verdict.rules.includes(grant), `it to be allowed by ${grant}`),
    toBeDenied: () => check(verdict.verdict === "deny", "it to be denied"),
    toBeDeniedBy: (grant) =>
      check(verdict.verdict === "deny" && verdict.rule === grant, `it to be denied by ${grant}`),
  };
}

function onlyReachableBy(model: Model, name: string, expected: readonly string[]): void {
  if (!model.services.has(name)) throw new AccessAssertionError(`there is no service "${name}"`);
  const rows = accessTable(model).filter((row) => row.service === name && row.action === "allow");
  const actual = new Set(rows.map((row) => row.from));
  const extra = rows.filter((row) => !expected.includes(row.from));
  const missing = expected.filter((from) => !actual.has(from));
  if (extra.length === 0 && missing.length === 0) return;
  const lines = [
    ...extra.map(
      (row) =>
        `  + ${row.from} may reach it too, by ${row.grant}${row.position ? ` (${formatPosition(row.position)})` : ""}`,
    ),
    ...missing.map((from) => `  - ${from} was expected, and no grant lets it`),
  ];
  throw new AccessAssertionError(
    `${name} is reachable by others than expected:\n${[...new Set(lines)].join("\n")}`,
  );
}
