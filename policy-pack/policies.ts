import type { EnforcementLevel, Severity as PackSeverity, Policies } from "@pulumi/policy";
import type { Severity } from "../policy/finding.ts";
import { ruleInfo } from "../policy/lint/index.ts";
import { rulePage } from "./page.ts";
import type { Resource } from "./resource.ts";
import type { PackRule, StackBreach } from "./rule.ts";
import { isWaived, WAIVERS_SCHEMA, type WaiverConfig } from "./waivers.ts";

const LEVEL: Readonly<Record<Severity, EnforcementLevel>> = {
  error: "mandatory",
  warning: "advisory",
  info: "advisory",
};
const SEVERITY: Readonly<Record<Severity, PackSeverity>> = { error: "high", warning: "medium", info: "low" };

/**
 * The rules as policies of a pack: one for each severity that a rule has. The policy of the first severity is named by the
 * rule id, another one `PR222-warning`. Errors are `mandatory` and stop a preview; warnings are `advisory`.
 *
 * @param now - epoch milliseconds that waivers are judged at
 */
export function toPolicies(rules: readonly PackRule[], now: () => number): Policies {
  return rules.flatMap((rule) => rule.severities.map((severity) => toPolicy(rule, severity, now)));
}

function toPolicy(rule: PackRule, severity: Severity, now: () => number): Policies[number] {
  const info = ruleInfo.get(rule.id);
  if (!info) throw new Error(`${rule.id} is not in the registry of rules`);
  const [first] = rule.severities;
  const url = rulePage(rule.id);
  const about = {
    name: severity === first ? rule.id : `${rule.id}-${severity}`,
    displayName: info.title,
    description: `${rule.id} ${info.title}. ${info.why}`,
    enforcementLevel: LEVEL[severity],
    severity: SEVERITY[severity],
    remediationSteps: rule.remediation,
    url,
    tags: ["portreeve"],
    configSchema: WAIVERS_SCHEMA,
  };
  const mine = ({ severity: own = first }: StackBreach) => own === severity;
  const tell = ({ message }: StackBreach) => `${rule.id}: ${message}. ${rule.remediation} See ${url}`;
  switch (rule.over) {
    case "resource":
      return {
        ...about,
        validateResource: (args, report) => {
          const resource: Resource = { type: args.type, name: args.name, urn: args.urn, props: args.props };
          const waivers = args.getConfig<WaiverConfig>();
          for (const breach of rule.check(resource)) {
            if (mine(breach) && !isWaived(resource, waivers, now())) report(tell(breach));
          }
        },
      };
    case "stack":
      return {
        ...about,
        validateStack: (args, report) => {
          const resources = args.resources.map(({ type, name, urn, props }) => ({ type, name, urn, props }));
          const waivers = args.getConfig<WaiverConfig>();
          for (const breach of rule.check(resources)) {
            if (!mine(breach) || (breach.resource && isWaived(breach.resource, waivers, now()))) continue;
            report(tell(breach), breach.resource?.urn);
          }
        },
      };
  }
}
