import { compareFindings, type Finding, type Position } from "../finding.ts";
import type { Path, Sourced } from "../load/source.ts";
import { objectId } from "../model/report.ts";
import type { Model } from "../model/types.ts";
import { guardrails, ruleInfo } from "./registry.ts";
import type { Breach, LintRule } from "./rule.ts";
import { applyWaivers } from "./waivers.ts";

/** What {@link lint} needs besides the model. */
export interface LintOptions {
  /** Epoch milliseconds that expiries are judged at; the core has no clock. */
  readonly now: number;
  /** The documents that the model was resolved from: findings then point at the field, else at the object. */
  readonly sources?: readonly Sourced[];
  /** Findings of the compilers, to be judged by the same waivers. One that a guardrail tells too is told once. */
  readonly compiled?: readonly Finding[];
}

/**
 * Holds a model against all guardrails. Findings are sorted by position; those that a valid Waiver names are `info`.
 *
 * @example lint(model, { now: Date.parse("2026-01-01") }).filter(({ severity }) => severity === "error")
 */
export function lint(model: Model, options: LintOptions): Finding[] {
  const sources = new Map((options.sources ?? []).map((source) => [objectId(source), source]));
  const locate = (object: string, path: Path): Position | undefined => sources.get(object)?.locate(path);
  const found = guardrails.flatMap((rule) =>
    [...rule.check({ model, now: options.now })].map((breach) => toFinding(rule, breach, model, locate)),
  );
  const told = new Set(found.map(key));
  const all = [...found, ...(options.compiled ?? []).filter((finding) => !told.has(key(finding)))];
  return applyWaivers(all, model, options.now, ruleInfo, locate).sort(compareFindings);
}

const key = ({ rule, object }: Finding): string => `${rule} ${object}`;

function toFinding(
  rule: LintRule,
  { object, path, message, fix, severity }: Breach,
  model: Model,
  locate: (object: string, path: Path) => Position | undefined,
): Finding {
  const position = locate(object, path ?? []) ?? positionOf(model, object);
  return {
    rule: rule.id,
    severity: severity ?? rule.severity,
    message,
    fix: fix ?? rule.fix,
    object,
    ...(position && { position }),
  };
}

function positionOf(model: Model, object: string): Position | undefined {
  const slash = object.indexOf("/");
  const name = object.slice(slash + 1);
  switch (object.slice(0, slash)) {
    case "Trust":
      return model.trust.position;
    case "Service":
      return model.services.get(name)?.position;
    case "Workload":
      return model.workloads.get(name)?.position;
    case "Group":
      return model.groups.get(name)?.position;
    case "Agent":
      return model.agents.get(name)?.position;
    case "Grant":
      return model.grants.get(name)?.position;
    case "Waiver":
      return model.waivers.get(name)?.position;
    default:
      return undefined;
  }
}
