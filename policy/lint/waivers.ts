import type { Finding } from "../finding.ts";
import type { Model, Waiver } from "../model/types.ts";
import type { Locate, RuleInfo } from "./rule.ts";
import { EXPIRED_WAIVER, UNUSED_WAIVER, USELESS_WAIVER } from "./waiver-rules.ts";

/**
 * Applies waivers: a breach that a valid waiver names is only told, with its owner, reason and end. A waiver that has
 * expired, excuses what cannot be excused, or excuses nothing, is a finding itself.
 */
export function applyWaivers(
  findings: readonly Finding[],
  model: Model,
  now: number,
  rules: ReadonlyMap<string, RuleInfo>,
  locate: Locate,
): Finding[] {
  const valid = [...model.waivers.values()].filter(
    ({ spec }) => Date.parse(spec.expires) > now && rules.get(spec.rule)?.waivable === true,
  );
  const byTarget = new Map<string, Waiver>();
  for (const waiver of valid)
    for (const object of waiver.spec.scope) byTarget.set(`${waiver.spec.rule} ${object}`, waiver);
  const used = new Set<string>();
  const excused = findings.map((finding) => {
    const key = `${finding.rule} ${finding.object}`;
    const waiver = byTarget.get(key);
    if (!waiver || finding.severity === "info") return finding;
    used.add(key);
    const { owner, reason, expires } = waiver.spec;
    return {
      ...finding,
      severity: "info" as const,
      message: `${finding.message} (waived until ${expires} by ${owner}: ${reason})`,
      fix: `remove waiver ${waiver.name} once this is corrected`,
    };
  });
  return [
    ...excused,
    ...[...model.waivers.values()].flatMap((waiver) => aboutWaiver(waiver, now, rules, used, locate)),
  ];
}

function aboutWaiver(
  waiver: Waiver,
  now: number,
  rules: ReadonlyMap<string, RuleInfo>,
  used: ReadonlySet<string>,
  locate: Locate,
): Finding[] {
  const { name, spec } = waiver;
  const object = `Waiver/${name}`;
  const tell = (rule: RuleInfo, path: (string | number)[], message: string): Finding => {
    const position = locate(object, path) ?? waiver.position;
    return {
      rule: rule.id,
      severity: rule.severity,
      message,
      fix: rule.fix,
      object,
      ...(position && { position }),
    };
  };
  if (Date.parse(spec.expires) <= now) {
    return [
      tell(EXPIRED_WAIVER, ["spec", "expires"], `waiver ${name} of ${spec.owner} expired on ${spec.expires}`),
    ];
  }
  const rule = rules.get(spec.rule);
  if (!rule?.waivable) {
    const why = rule ? `${spec.rule} (${rule.title}) cannot be waived` : `there is no rule ${spec.rule}`;
    return [tell(USELESS_WAIVER, ["spec", "rule"], `waiver ${name}: ${why}`)];
  }
  return spec.scope.flatMap((target, index) =>
    used.has(`${spec.rule} ${target}`)
      ? []
      : [
          tell(
            UNUSED_WAIVER,
            ["spec", "scope", index],
            `waiver ${name} excuses nothing: ${target} does not breach ${spec.rule}`,
          ),
        ],
  );
}
