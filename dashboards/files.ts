import { stringify } from "yaml";
import { accessDashboard } from "./dashboard.ts";
import { type AlertOptions, ruleGroups } from "./rules.ts";

/** The dashboard, as Grafana imports it. */
export function dashboardFile(): string {
  return `${JSON.stringify(accessDashboard(), undefined, 2)}\n`;
}

/** The rules, as Prometheus' `rule_files` takes them. */
export function rulesFile(options: AlertOptions = {}): string {
  return stringify(ruleGroups(options), { lineWidth: 110 });
}
