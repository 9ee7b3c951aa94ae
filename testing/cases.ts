import { z } from "zod";
import { decide } from "../policy/decide/decide.ts";
import { compareText, PolicyError, type Position } from "../policy/finding.ts";
import { connectionOf } from "../policy/model/query.ts";
import type { Model } from "../policy/model/types.ts";
import { instant } from "../policy/schema/primitives.ts";
import { explainVerdict } from "./explain-verdict.ts";

const text = z.string().min(1, "write a text here");

/** One question with its answer, as a YAML file of policy tests has it. */
export const accessCase = z.strictObject({
  name: text.optional(),
  from: text,
  to: text,
  expect: z.enum(["allow", "deny"], { error: "write `allow` or `deny`" }),
  /** The grant that must be what decides. */
  by: text.optional(),
  via: z.enum(["mesh", "proxy"]).optional(),
  at: instant.optional(),
  ip: text.optional(),
  sni: text.optional(),
});
/** One question about a connection, with the answer that is expected. */
export type AccessCase = z.infer<typeof accessCase>;

/** A file of policy tests: a list of cases, or `cases` with the instant at which they are asked. */
export const accessCaseFile = z.union(
  [z.array(accessCase), z.strictObject({ at: instant.optional(), cases: z.array(accessCase) })],
  { error: "write a list of cases {from, to, expect}, or {at, cases}" },
);

/** A case and where it is written. */
export interface PlacedCase {
  /** The question. */
  readonly case: AccessCase;
  /** Where it is written; undefined when a program asks. */
  readonly position: Position | undefined;
}

/** What became of a case. */
export interface CaseResult extends PlacedCase {
  /** What was expected and what is so; undefined when the case holds. */
  readonly failure: string | undefined;
  /** The grants that the verdict rests on. */
  readonly grants: readonly string[];
}

/** What became of all cases, and which grants none of them rests on. */
export interface CaseReport {
  /** In the order of the cases. */
  readonly results: readonly CaseResult[];
  /** Grants that no case touches: they could be removed and no test would notice. Sorted. */
  readonly untouched: readonly string[];
  /** How many grants the policies have. */
  readonly grants: number;
}

/**
 * Asks every case.
 *
 * @param now - epoch milliseconds, for cases without an instant of their own
 */
export function runCases(model: Model, cases: readonly PlacedCase[], now: number): CaseReport {
  const results = cases.map((placed) => runCase(model, placed, now));
  const touched = new Set(results.flatMap(({ grants }) => grants));
  const untouched = [...model.grants.keys()].filter((name) => !touched.has(name)).sort(compareText);
  return { results, untouched, grants: model.grants.size };
}

function runCase(model: Model, placed: PlacedCase, now: number): CaseResult {
  const { from, to, expect, by, via, at, ip, sni } = placed.case;
  try {
    const connection = connectionOf(model, { from, to, via, sourceIp: ip, sni });
    const verdict = decide(model.table, connection, at === undefined ? now : Date.parse(at));
    const holds = verdict.verdict === expect && (by === undefined || verdict.rules.includes(by));
    const wanted = `expected ${expect}${by === undefined ? "" : ` by ${by}`}`;
    const failure = holds ? undefined : `${from} → ${to}: ${wanted}, but ${explainVerdict(verdict)}`;
    return { ...placed, failure, grants: verdict.rules };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const why = error.findings.map(({ message }) => message).join("; ");
    return { ...placed, failure: `${from} → ${to}: ${why}`, grants: [] };
  }
}
